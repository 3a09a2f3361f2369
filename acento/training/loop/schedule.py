"""When what happens in a training: the learning rate of each step, and after which steps dev is decoded."""

import math

from acento.training.recipe import Recipe


def total_steps(recipe: Recipe, steps_per_epoch: int) -> int:
    """Return the optimizer steps of a training.

    >>> total_steps(Recipe(epochs=2.5), 10), total_steps(Recipe(epochs=2.5, max_steps=7), 10)
    (25, 7)
    """
    steps = max(1, math.ceil(recipe.epochs * steps_per_epoch))
    return steps if recipe.max_steps is None else min(steps, recipe.max_steps)


def evaluation_steps(recipe: Recipe, steps_per_epoch: int) -> frozenset[int]:
    """Return after how many steps dev is decoded: before the first, each ``eval_every`` epochs, and after the last.

    >>> sorted(evaluation_steps(Recipe(epochs=2, eval_every=0.5), 5))
    [0, 3, 5, 8, 10]
    >>> sorted(evaluation_steps(Recipe(epochs=1, eval_every=0.1), 3))
    [0, 1, 2, 3]
    """
    total = total_steps(recipe, steps_per_epoch)
    count = math.ceil(total / (recipe.eval_every * steps_per_epoch))
    steps = {max(1, math.floor(n * recipe.eval_every * steps_per_epoch + 0.5)) for n in range(1, count + 1)}
    return frozenset({0, total, *(step for step in steps if step < total)})


def rate_at(step: int, total: int, recipe: Recipe) -> float:
    """Return the learning rate of a step, counted from 0: it rises over the warm-up, then goes as the schedule says.

    >>> recipe = Recipe(learning_rate=1.0, warmup=0.2, schedule="linear")
    >>> [round(rate_at(step, 10, recipe), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.125]
    """
    warmup = round(recipe.warmup * total)
    if step < warmup:
        return recipe.learning_rate * (step + 1) / warmup
    share = (step - warmup) / max(1, total - warmup)
    if recipe.schedule == "linear":
        return recipe.learning_rate * (1 - share)
    if recipe.schedule == "cosine":
        return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
    return recipe.learning_rate
