"""Where work would be done, as prices know it."""

from acento.core.prices import PriceTable, load_prices
from acento.core.settings import settings
from acento.models.devices import Elsewhere, device_name, pick_device
from acento.requests import SearchRequest


def elsewhere_asked(compute: str | None) -> Elsewhere | None:
    """Return what the settings say of the machines of a backend, which is not asked; None where it is this machine."""
    if (compute or settings().compute) == "inline":
        return None
    return Elsewhere(gpu=settings().gpu_type.partition(",")[0].strip() or None)


def device_asked(prices: PriceTable, compute: str | None, device: str, elsewhere: Elsewhere | None) -> str:
    """Return the type of the device that would do the work, or its own name where it has no price."""
    if elsewhere is None:
        own = device_name(device)
        return prices.type_of(own) or own
    backend = compute or settings().compute
    if device == "cpu":
        return prices.type_of("cpu", backend=backend) or f"a processor of {backend}"
    return prices.type_asked(elsewhere.gpu or "") or elsewhere.gpu or f"any GPU of {backend}"


def with_price(request: SearchRequest) -> SearchRequest:
    """Return a search whose budget in dollars has a price, from the table of prices where nobody gives one.

    It is returned as it is where the table has no price for the device.
    """
    if request.dollars is None or request.price_per_hour is not None:
        return request
    prices, elsewhere = load_prices(), elsewhere_asked(request.compute)
    kind = device_asked(prices, request.compute, pick_device(request.device, elsewhere), elsewhere)
    if kind not in prices.prices:
        return request
    hourly = prices.prices[kind].hourly(request.threads or 1)
    return request.model_copy(update={"price_per_hour": hourly or None})
