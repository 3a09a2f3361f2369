"""Functions of the stand-in: definitions, and calls of ``map`` with Modal's manners.

Outputs come as they are ready, in any order; an input whose container was taken away is run again by another one; and
an output may come twice.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from modal_service.containers import Containers, Function, Input
from modal_service.objects import new_id
from modal_service.refusing import Caller, rpc
from modal_service.sandboxes import Results, kill

_SHAPE = """
    module_name function_name implementation_name definition_type function_type image_id secret_ids mount_ids app_name
    is_class is_method method_definitions method_definitions_set class_parameter_info class_parameter_info.schema
    class_parameter_info.format timeout_secs startup_timeout_secs concurrency_limit task_idle_timeout_secs
    autoscaler_settings autoscaler_settings.max_containers autoscaler_settings.scaledown_window
    retry_policy.retries retry_policy.backoff_coefficient retry_policy.initial_delay_ms retry_policy.max_delay_ms
    volume_mounts.volume_id volume_mounts.mount_path volume_mounts.allow_background_commits
    resources resources.milli_cpu resources.milli_cpu_max resources.memory_mb resources.memory_mb_max
    resources.gpu_config resources.gpu_config.type resources.gpu_config.count resources.gpu_config.gpu_type
    cloud_provider_str scheduler_placement scheduler_placement.regions mount_client_dependencies
    object_dependencies.object_id _experimental_concurrent_cancellations web_url_info webhook_config
""".split()  # noqa: SIM905
_FUNCTION = (
    *(f"function.{name}" for name in _SHAPE),
    *(f"function_data.{name}" for name in _SHAPE),
    *(f"function_data.ranked_functions.function.{name}" for name in _SHAPE),
    "function_data.ranked_functions.rank",
)


@dataclass
class FunctionCall:
    """A call of ``map``: its inputs, and outputs in the order in which they came."""

    id: str
    function: str
    inputs: dict[str, Input] = field(default_factory=dict)
    outputs: list[Any] = field(default_factory=list)
    read: int = 0
    """How many of them were handed out."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class Functions(Containers):
    """The part of the stand-in that runs functions."""

    def __init__(self) -> None:
        """Start with none."""
        super().__init__()
        self.calls: dict[str, FunctionCall] = {}
        self.twice = False
        """Whether each output is sent a second time."""
        self.blobs = True
        """Whether outputs come as blobs, which the client fetches one by one, as large ones do."""

    # apps and definitions

    @rpc("description", "environment_name", "app_state", "tags")
    async def AppCreate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Make an app that lives as long as its maker."""
        app = new_id("ap")
        self.apps[app] = request.description
        return api_pb2.AppCreateResponse(app_id=app, app_page_url="http://localhost/app")

    @rpc("app_id", "app_state", "function_ids", "class_ids", "definition_ids", "name", "tags")
    async def AppPublish(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Let an app's functions be called."""
        self.classes.update({name.removesuffix(".*"): found for name, found in request.class_ids.items()})
        return api_pb2.AppPublishResponse(url="http://localhost/app")

    @rpc("app_id")
    async def AppHeartbeat(self, _: Any, __: Caller) -> Any:  # noqa: N802
        """Keep an app alive."""
        return Empty()

    @rpc("app_id", "reason", "exception")
    async def AppClientDisconnect(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """End an app, and all its containers; what nobody answered is answered by its end."""
        self.stopped.add(request.app_id)
        ended = Results(status=Results.GENERIC_STATUS_TERMINATED, exception="the app was stopped")
        for call in self.calls.values():
            if self.functions[call.function].app == request.app_id:
                answered = {output.input_id for output in call.outputs}
                for one in call.inputs.values():
                    if one.id not in answered:
                        await self.answer(one, ended, api_pb2.DATA_FORMAT_PICKLE, "")
        for container in list(self.containers.values()):
            if self.functions[container.function].app == request.app_id and container.process is not None:
                kill(container.folder)
        return Empty()

    @rpc("app_id", "function_name", "function_type", "supported_input_formats", "supported_output_formats",
         "function_schema", "method_definitions", "existing_function_id")  # fmt: skip
    async def FunctionPrecreate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Give a function its id."""
        methods = {
            name: api_pb2.FunctionHandleMetadata(
                function_name=method.function_name,
                function_type=method.function_type,
                is_method=True,
                use_method_name=name,
                function_schema=method.function_schema,
                supported_input_formats=method.supported_input_formats,
                supported_output_formats=method.supported_output_formats,
                app_id=request.app_id,
            )
            for name, method in request.method_definitions.items()
        }
        metadata = api_pb2.FunctionHandleMetadata(
            function_name=request.function_name,
            function_type=request.function_type,
            app_id=request.app_id,
            definition_id=new_id("de"),
            method_handle_metadata=methods,
        )
        made = Function(new_id("fu"), request.app_id, request.function_name, metadata)
        self.functions[made.id] = made
        return api_pb2.FunctionPrecreateResponse(function_id=made.id, handle_metadata=metadata)

    @rpc("app_id", "existing_function_id", *_FUNCTION)
    async def FunctionCreate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Take a function's definition; of several, for several GPUs, the first of which there is one."""
        function = self.functions[request.existing_function_id]
        ranked = [one.function for one in request.function_data.ranked_functions] or [request.function]
        function.gpus = [one.resources.gpu_config.gpu_type for one in ranked]
        there = [one for one in ranked if one.resources.gpu_config.gpu_type not in self.unavailable]
        if not there:
            raise GRPCError(Status.RESOURCE_EXHAUSTED, f"no {', '.join(function.gpus)} is available")
        function.definition = there[0]
        function.metadata.class_parameter_info.CopyFrom(function.definition.class_parameter_info)
        data = api_pb2.FunctionData(
            ranked_functions=[api_pb2.FunctionData.RankedFunction(rank=n, function=one) for n, one in enumerate(ranked)]
        )
        return api_pb2.FunctionCreateResponse(
            function_id=function.id,
            function=function.definition,
            function_data=data,
            handle_metadata=function.metadata,
        )

    @rpc("app_id", "existing_class_id", "only_class_function")
    async def ClassCreate(self, _: Any, __: Caller) -> Any:  # noqa: N802
        """Give a class its id."""
        return api_pb2.ClassCreateResponse(class_id=new_id("cs"), handle_metadata=api_pb2.ClassHandleMetadata())

    # calls

    @rpc("function_id", "parent_input_id", "return_exceptions", "function_call_type", "function_call_invocation_type")
    async def FunctionMap(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Begin a call."""
        call = FunctionCall(new_id("fc"), request.function_id)
        self.calls[call.id] = call
        return api_pb2.FunctionMapResponse(
            function_call_id=call.id,
            function_call_jwt=call.id,
            retry_policy=self.functions[request.function_id].definition.retry_policy,
            sync_client_retries_enabled=True,
            max_inputs_outstanding=1000,
        )

    @rpc("function_id", "function_call_id", "inputs.idx",
         *(f"inputs.input.{name}" for name in ("args", "data_format", "method_name")))  # fmt: skip
    async def FunctionPutInputs(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Take inputs, and start containers for them."""
        call, function = self.calls[request.function_call_id], self.functions[request.function_id]
        taken = [Input(new_id("in"), item.idx, call.id, item.input) for item in request.inputs]
        call.inputs |= {one.id: one for one in taken}
        await self.enqueue(function, taken)
        items = [api_pb2.FunctionPutInputsResponseItem(idx=i.index, input_id=i.id, input_jwt=i.id) for i in taken]
        return api_pb2.FunctionPutInputsResponse(inputs=items)

    @rpc("function_call_jwt", "inputs.input_jwt", "inputs.retry_count",
         *(f"inputs.input.{name}" for name in ("args", "data_format", "method_name")))  # fmt: skip
    async def FunctionRetryInputs(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Take inputs again that failed, as the function's retries say."""
        call = self.calls[request.function_call_jwt]
        again = [call.inputs[item.input_jwt] for item in request.inputs]
        for one, item in zip(again, request.inputs, strict=True):
            one.retries = item.retry_count
        await self.enqueue(self.functions[call.function], again)
        return api_pb2.FunctionRetryInputsResponse(input_jwts=[one.id for one in again])

    @rpc("function_call_id", "timeout", "last_entry_id", "clear_on_success", "requested_at", "input_jwts")
    async def FunctionGetOutputs(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Return outputs that came after the entry that was read last."""
        call = self.calls[request.function_call_id]
        start = int(request.last_entry_id.partition("-")[0] or 0)
        async with call.changed:
            if request.timeout and len(call.outputs) <= start:
                with suppress(TimeoutError):
                    more = call.changed.wait_for(lambda: len(call.outputs) > start)
                    await asyncio.wait_for(more, min(request.timeout, 20))
            call.read = max(call.read, start + 1)
            found = call.outputs[start : start + 1]  # one at a time, however many there are
        return api_pb2.FunctionGetOutputsResponse(outputs=found, last_entry_id=f"{start + len(found)}-0")

    async def answer(self, done: Input, result: Any, data_format: int, task: str) -> None:
        """Give an input's output to whoever called, twice where a test wants that."""
        call = self.calls[done.call]
        output = api_pb2.FunctionGetOutputsItem(
            result=result,
            idx=done.index,
            input_id=done.id,
            data_format=data_format,  # type: ignore[arg-type]
            task_id=task,
            retry_count=done.retries,
        )
        if result.data and self.blobs:
            blob = self.new_blob(result.data)
            result.ClearField("data")
            result.data_blob_id = blob
            output.result.CopyFrom(result)
        async with call.changed:
            call.outputs += [output] * (2 if self.twice else 1)
            waiting = call.outputs[call.read :]
            self._random.shuffle(waiting)
            call.outputs[call.read :] = waiting
            call.changed.notify_all()
