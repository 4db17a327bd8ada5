"""Seven kinds of work places: what is done there, with which things, on which table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from examples import props
from examples.activities import (
    Activity,
    Carry,
    Chop,
    Coat,
    Crank,
    Pour,
    Press,
    Push,
    Roll,
    Rub,
    Spin,
    Sprinkle,
    Stir,
    Wipe,
    Write,
)
from examples.drawing import Colour, Point, Sprite, Thing, lit, mix

PALETTE = props.PALETTE


@dataclass(frozen=True)
class Place:
    """Where an activity happens: one or two spots of the table, named for the labels."""

    spots: tuple[Point, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Job:
    """What a builder needs besides its words: chance, time, place and side of the arm."""

    rng: np.random.Generator
    duration_sec: float
    place: Place
    facing: float

    def colour(self, *names: str) -> tuple[str, Colour]:
        """Return one of the named colours (of all, if none is named), a little varied."""
        name = str(self.rng.choice(list(names or PALETTE)))
        return name, lit(PALETTE[name], float(self.rng.uniform(0.9, 1.1)))

    def uniform(self, low: float, high: float) -> float:
        """Return a random number."""
        return float(self.rng.uniform(low, high))


Builder = Callable[[Job, tuple[str, ...]], Activity]


@dataclass(frozen=True)
class Trade:
    """A kind of work place: its tables, and for every kind of work the words for it."""

    name: str
    surfaces: tuple[str, ...]
    work: Mapping[str, tuple[tuple[str, ...], ...]]


def _stir(job: Job, words: tuple[str, ...]) -> Activity:
    content, vessel, tool, *colours = words
    (x, y), name = job.place.spots[0], job.place.names[0]
    colour_name, colour = job.colour("white", "blue", "grey", "teal", "orange", "black")
    _, filling = job.colour(*colours)
    radius = job.uniform(46, 56)
    what = f"the {content} in the {colour_name} {vessel} ({name})"
    return Stir(
        label=f"Stir {what} in circles with the {tool}",
        other_label=f"Whisk {what} to and fro with the {tool}",
        duration_sec=job.duration_sec,
        x=x,
        y=y - 12,
        facing=job.facing,
        vessel=props.bowl(colour, filling, radius),
        swirl=props.swirl(job.rng, filling, radius * 0.8),
        handle=props.WOOD if job.rng.random() < 0.6 else props.STEEL,
        radius=radius,
        period_sec=job.uniform(1.1, 1.7),
        motion="circles",
    )


def _wipe(job: Job, words: tuple[str, ...]) -> Activity:
    mess, tool = words
    (x, y), name = job.place.spots[0], job.place.names[0]
    colour_name, colour = job.colour()
    crumb = props.blot(lit(job.colour()[1], 0.8), 2.4)
    reach = job.uniform(66, 78), job.uniform(22, 28)
    crumbs = tuple(
        Thing(crumb, x + job.uniform(-70, 70), y + job.uniform(-26, 26), size=job.uniform(0.6, 1.3))
        for _ in range(22)
    )
    return Wipe(
        label=f"Wipe the {mess} off the table ({name}) with the {colour_name} {tool}",
        other_label=f"Polish the table ({name}) in circles with the {colour_name} {tool}",
        duration_sec=job.duration_sec,
        x=x,
        y=y,
        facing=job.facing,
        cloth=props.cloth(job.rng, colour),
        crumbs=crumbs,
        reach=reach,
        period_sec=job.uniform(1.5, 2.2),
        motion="strokes",
    )


def _press(job: Job, words: tuple[str, ...]) -> Activity:
    verb, base, tool = words
    (x, y), name = job.place.spots[0], job.place.names[0]
    colour_name, colour = job.colour("red", "blue", "green", "purple", "orange", "teal")
    ground = props.PAPER if base != "dough" else (226, 204, 164)
    count = max(4, min(8, round(job.duration_sec / 1.35)))
    spots = tuple(
        (x - 62 + 124 * index / (count - 1), y + 6 * (-1) ** index) for index in range(count)
    )
    return Press(
        label=f"{verb} the {base} ({name}) again and again with the {colour_name} {tool}",
        duration_sec=job.duration_sec,
        x=x,
        y=y,
        facing=job.facing,
        base=Thing(props.sheet(ground, 84, 27, 0), x, y),
        tool=props.stamp(colour),
        mark=props.ring_mark(mix(colour, ground, 0.35)),
        spots=spots,
        rest=(x - 70, y - 24),
    )


def _crank(job: Job, words: tuple[str, ...]) -> Activity:
    (thing,) = words
    (x, y), name = job.place.spots[0], job.place.names[0]
    colour_name, colour = job.colour()
    radius = job.uniform(48, 58)
    return Crank(
        label=f"Turn the {colour_name} {thing} ({name}) clockwise by its knob",
        other_label=f"Turn the {colour_name} {thing} ({name}) back, anticlockwise",
        duration_sec=job.duration_sec,
        x=x,
        y=y,
        facing=job.facing,
        foot=props.pedestal(colour, radius),
        wheel=props.disc(job.rng, colour, radius),
        radius=radius,
        period_sec=job.uniform(1.5, 2.2),
        start_angle=job.uniform(0, 6),
        direction=1.0,
    )


def _spin(job: Job, words: tuple[str, ...]) -> Activity:
    thing, load = words
    (x, y), name = job.place.spots[0], job.place.names[0]
    colour_name, colour = job.colour()
    radius = job.uniform(54, 64)
    return Spin(
        label=f"Let the {colour_name} {thing} with the {load} turn in place ({name})",
        duration_sec=job.duration_sec,
        x=x,
        y=y,
        facing=job.facing,
        foot=props.pedestal(colour, radius),
        wheel=props.disc(job.rng, colour, radius),
        centrepiece=props.jar(job.colour()[1], job.colour()[1], 11, 24),
        radius=radius,
        period_sec=job.uniform(1.8, 2.6),
    )


def _pour(job: Job, words: tuple[str, ...]) -> Activity:
    fluid, vessel, target, *colours = words
    (x, y), name = job.place.spots[0], job.place.names[0]
    colour_name, colour = job.colour("white", "grey", "blue", "teal", "black", "brown", "red")
    _, cup_colour = job.colour("white", "grey", "blue", "pink", "green")
    _, stream = job.colour(*colours)
    count = max(3, min(4, round(job.duration_sec / 2.4)))
    cups = tuple((x - 78 + 108 * index / (count - 1), y + 6) for index in range(count))
    kind = vessel if vessel in {"kettle", "bottle"} else "jug"
    return Pour(
        label=f"Pour {fluid} from the {colour_name} {vessel} into the {target}s ({name})",
        duration_sec=job.duration_sec,
        x=x,
        y=y,
        facing=job.facing,
        vessel=props.kettle(colour, kind),
        cup=props.cup(cup_colour, lit(cup_colour, 0.7), 14),
        liquid=props.liquid(stream, 12),
        stream=stream,
        cups=cups,
        rest=(x + 74, y - 46),
    )


def _roll(job: Job, words: tuple[str, ...]) -> Activity:
    (mass,) = words
    (x, y), name = job.place.spots[0], job.place.names[0]
    _, colour = job.colour("white", "yellow", "brown", "orange")
    pale = mix(colour, (236, 222, 190), 0.7)
    away = 0.0 if job.rng.random() < 0.6 else math.pi / 2
    ways = "away from the body and back", "from left to right and back"
    first, second = ways if away == 0.0 else ways[::-1]
    return Roll(
        label=f"Roll out the {mass} ({name}), {first}",
        other_label=f"Roll out the {mass} ({name}), {second}",
        duration_sec=job.duration_sec,
        x=x,
        y=y,
        facing=job.facing,
        base=Thing(props.board(job.rng, lit(props.WOOD, job.uniform(0.75, 1.1)), 92, 50), x, y),
        dough=props.dough(job.rng, pale, 52),
        pin=props.rolling_pin(job.rng),
        period_sec=job.uniform(1.1, 1.6),
        angles=(away, away),
        sizes=(0.92, 1.04),
    )


def _chop(job: Job, words: tuple[str, ...]) -> Activity:
    thing, colour_name = words
    (x, y), name = job.place.spots[0], job.place.names[0]
    colour = PALETTE[colour_name]
    return Chop(
        label=f"Chop the {thing} into slices on the board ({name})",
        duration_sec=job.duration_sec,
        x=x,
        y=y,
        facing=job.facing,
        base=Thing(props.board(job.rng, lit(props.WOOD, job.uniform(0.8, 1.2)), 86, 44), x, y),
        knife=props.knife(job.colour("black", "brown", "blue", "red")[1]),
        piece=props.slice_of(colour),
        colour=colour,
        half_length=62,
        slices=max(8, round(job.duration_sec * 1.6)),
    )


def _sprinkle(job: Job, words: tuple[str, ...]) -> Activity:
    grains, target, *colours = words
    (x, y), name = job.place.spots[0], job.place.names[0]
    colour_name, colour = job.colour("white", "grey", "red", "blue", "green", "black")
    _, grain = job.colour(*colours)
    return Sprinkle(
        label=f"Shake {grains} from the {colour_name} shaker over the {target} ({name})",
        duration_sec=job.duration_sec,
        x=x,
        y=y,
        facing=job.facing,
        base=Thing(props.plate(job.colour("white", "grey", "blue", "pink")[1], 58), x, y),
        shaker=props.shaker(colour),
        grain=props.blot(grain, 1.7),
        grains=round(job.duration_sec * 7),
        rest=(x + 78, y + 2),
        reach=job.uniform(28, 36),
    )


def _coat(job: Job, words: tuple[str, ...]) -> Activity:
    verb, thing, *colours = words
    (x, y), name = job.place.spots[0], job.place.names[0]
    colour_name, colour = job.colour(*colours)
    ground = lit(props.WOOD, job.uniform(0.85, 1.2))
    paint = mix(colour, ground, 0.3)
    bands = 14
    return Coat(
        label=f"{verb} the {thing} ({name}) with {colour_name} colour, stroke beside stroke",
        duration_sec=job.duration_sec,
        x=x,
        y=y,
        facing=job.facing,
        base=Thing(props.board(job.rng, ground, 86, 36), x, y),
        brush=props.brush(job.colour("black", "brown", "red", "blue")[1], lit(paint, 0.85)),
        band=props.band(paint, 76 / bands + 0.4, 29),
        half_length=76,
        half_stroke=25,
        bands=bands,
    )


def _write(job: Job, words: tuple[str, ...]) -> Activity:
    text, thing = words
    (x, y), name = job.place.spots[0], job.place.names[0]
    colour_name, ink = job.colour("blue", "black", "red", "green", "purple")
    return Write(
        label=f"Write the {text} on the {thing} ({name}) with the {colour_name} pen",
        duration_sec=job.duration_sec,
        x=x,
        y=y,
        facing=job.facing,
        base=Thing(props.sheet(lit(props.PAPER, job.uniform(0.9, 1.0)), 80, 44, 5), x, y),
        pen=props.pen(ink),
        ink=lit(ink, 0.8),
        half_length=62,
        rows=(-26.0, -4.0, 18.0) if job.duration_sec > 7 else (-14.0, 12.0),
    )


def _rub(job: Job, words: tuple[str, ...]) -> Activity:
    verb, thing, tool = words
    (x, y), name = job.place.spots[0], job.place.names[0]
    colour_name, colour = job.colour()
    stroke = (58.0, job.uniform(-10, 10)) if job.rng.random() < 0.5 else (42.0, -26.0)
    return Rub(
        label=f"{verb} the {thing} ({name}) to and fro with the {colour_name} {tool}",
        duration_sec=job.duration_sec,
        x=x,
        y=y,
        facing=job.facing,
        base=Thing(props.board(job.rng, lit(props.WOOD, job.uniform(0.7, 1.2)), 92, 46), x, y),
        block=props.sander(colour),
        stroke=stroke,
        drift=(6, 14),
        period_sec=job.uniform(0.9, 1.3),
    )


def _push(job: Job, words: tuple[str, ...]) -> Activity:
    (thing,) = words
    (start, end), (first, second) = job.place.spots, job.place.names
    colour_name, colour = job.colour("brown", "orange", "grey", "blue", "green", "red", "white")
    half_width, height = job.uniform(36, 44), job.uniform(24, 32)
    return Push(
        label=f"Push the {colour_name} {thing} in shoves from {first} to {second}",
        other_label=f"Push the {colour_name} {thing} in shoves back from {second} to {first}",
        duration_sec=job.duration_sec,
        x=start[0],
        y=start[1],
        facing=job.facing,
        load=props.carton(job.rng, colour, half_width, height),
        start=(start[0], start[1] + 26),
        end=(end[0], end[1] + 26),
        half_width=half_width,
        height=height,
    )


def _fetch(job: Job, words: tuple[str, ...]) -> Activity:
    thing, target, shape, *colours = words
    (start, end), (first, second) = job.place.spots, job.place.names
    tray_name, tray_colour = job.colour()
    target_name, target_colour = job.colour()
    item_name, item_colour = job.colour(*colours)
    count = max(3, min(6, round(job.duration_sec / 1.9)))
    into_box = target in {"box", "crate", "bin"}
    goal: Sprite = (
        props.crate(target_colour, 52, 24) if into_box else props.plate(target_colour, 56)
    )
    sources = tuple(
        (start[0] - 42 + 42 * (index % 3), start[1] - 17 + 24 * (index // 3))
        for index in range(count)
    )
    targets = tuple(
        (end[0] - 26 + 26 * (index % 3), end[1] - 10 + 16 * (index // 3)) for index in range(count)
    )
    return Carry(
        label=(
            f"Carry the {item_name} {thing} one by one from the {tray_name} tray ({first}) "
            f"to the {target_name} {target} ({second})"
        ),
        duration_sec=job.duration_sec,
        x=start[0],
        y=start[1],
        facing=job.facing,
        before=(
            Thing(props.tray(tray_colour, 72, 38), *start),
            Thing(goal, *end),
        ),
        loads=tuple(
            props.item(lit(item_colour, job.uniform(0.88, 1.12)), shape) for _ in range(count)
        ),
        sources=sources,
        targets=targets,
        source_lifts=(0.0,) * count,
        target_lifts=(0.0,) * count,
        arc=job.uniform(34, 50),
        load_height=6,
    )


def _stack(job: Job, words: tuple[str, ...]) -> Activity:
    (thing,) = words
    (start, end), (first, second) = job.place.spots, job.place.names
    count = max(3, min(5, round(job.duration_sec / 2.0)))
    names = [job.colour() for _ in range(count)]
    sources = tuple(
        (start[0] - 32 + 62 * (index % 2), start[1] - 10 + 28 * (index // 2))
        for index in range(count)
    )
    return Carry(
        label=f"Fetch the {thing} one by one ({first}) and stack them into a tower ({second})",
        duration_sec=job.duration_sec,
        x=start[0],
        y=start[1],
        facing=job.facing,
        before=(),
        loads=tuple(props.block(job.rng, colour) for _, colour in names),
        sources=sources,
        targets=((end[0], end[1] + 24),) * count,
        source_lifts=(0.0,) * count,
        target_lifts=tuple(15.0 * index for index in range(count)),
        arc=job.uniform(30, 44),
        load_height=26,
    )


def _deal(job: Job, words: tuple[str, ...]) -> Activity:
    thing, shape = words
    (start, end), (first, second) = job.place.spots, job.place.names
    colour_name, colour = job.colour()
    mark = job.colour()[1]
    count = max(4, min(7, round(job.duration_sec / 1.8)))
    targets = tuple(
        (end[0] - 54 + 36 * (index % 4), end[1] - 14 + 28 * (index // 4)) for index in range(count)
    )
    return Carry(
        label=f"Take the {colour_name} {thing} from the pile ({first}), lay {shape} ({second})",
        duration_sec=job.duration_sec,
        x=start[0],
        y=start[1],
        facing=job.facing,
        before=(),
        loads=(props.tile(colour, mark),) * count,
        sources=(start,) * count,
        targets=targets,
        source_lifts=tuple(2.5 * (count - 1 - index) for index in range(count)),
        target_lifts=(0.0,) * count,
        arc=job.uniform(16, 30),
        load_height=2,
    )


BUILDERS: dict[str, Builder] = {
    "stir": _stir,
    "wipe": _wipe,
    "press": _press,
    "crank": _crank,
    "spin": _spin,
    "pour": _pour,
    "roll": _roll,
    "chop": _chop,
    "sprinkle": _sprinkle,
    "coat": _coat,
    "write": _write,
    "rub": _rub,
    "push": _push,
    "fetch": _fetch,
    "stack": _stack,
    "deal": _deal,
}
# These need a place to take from and a place to bring to.
TWO_SPOTS = frozenset({"push", "fetch", "stack", "deal"})
# These have a second motion with the same things.
FOLLOW_UPS = frozenset({"stir", "wipe", "crank", "roll", "push"})

TRADES: tuple[Trade, ...] = (
    Trade(
        "tea table",
        ("wood", "linen", "slate", "planks", "marble"),
        {
            "pour": (
                ("tea", "kettle", "cup", "brown", "orange"),
                ("tea", "pot", "cup", "green", "brown"),
            ),
            "stir": (("matcha", "bowl", "whisk", "green"), ("honey", "bowl", "spoon", "yellow")),
            "fetch": (
                ("biscuits", "plate", "biscuit", "brown", "orange"),
                ("sugar cubes", "plate", "cube", "white", "pink"),
            ),
            "crank": (("tea mill",),),
            "sprinkle": (("cinnamon", "plate", "brown"),),
            "wipe": (("crumbs", "napkin"), ("tea leaves", "cloth")),
            "deal": (("place cards", "them out in rows"),),
            "push": (("tea chest",),),
        },
    ),
    Trade(
        "bakery",
        ("wood", "steel", "marble", "planks"),
        {
            "roll": (("dough",), ("pastry",)),
            "press": (("Cut", "dough", "cutter"),),
            "stir": (("batter", "bowl", "spoon", "yellow"), ("cream", "pot", "whisk", "white")),
            "sprinkle": (("flour", "plate", "white"), ("sugar", "cake plate", "white")),
            "coat": (("Glaze", "pastry board", "brown", "yellow"),),
            "spin": (("cake stand", "cake"),),
            "fetch": (
                ("biscuits", "plate", "biscuit", "brown", "orange"),
                ("eggs", "box", "egg", "white", "pink"),
            ),
            "wipe": (("flour", "cloth"),),
            "pour": (("milk", "jug", "mould", "white"),),
        },
    ),
    Trade(
        "kitchen",
        ("wood", "marble", "steel", "slate", "planks"),
        {
            "chop": (("carrot", "orange"), ("cucumber", "green"), ("aubergine", "purple")),
            "stir": (
                ("soup", "pot", "wooden spoon", "red", "orange"),
                ("salad", "bowl", "spoon", "green"),
            ),
            "fetch": (("tomatoes", "bin", "ball", "red"), ("lemons", "plate", "ball", "yellow")),
            "pour": (("oil", "bottle", "bowl", "yellow"), ("sauce", "jug", "bowl", "red")),
            "sprinkle": (("salt", "plate", "white"), ("pepper", "plate", "black")),
            "wipe": (("crumbs", "cloth"), ("spills", "sponge cloth")),
            "crank": (("salad spinner",), ("pepper mill",)),
            "push": (("vegetable box",),),
            "stack": (("containers",),),
        },
    ),
    Trade(
        "workshop",
        ("planks", "mat", "wood", "steel"),
        {
            "rub": (("Sand", "plank", "sanding block"), ("Plane", "board", "plane")),
            "coat": (("Paint", "shelf board"), ("Varnish", "plank", "brown", "orange", "red")),
            "crank": (("vice wheel",), ("drill press wheel",)),
            "stack": (("wooden blocks",), ("bricks",)),
            "fetch": (("knobs", "bin", "egg"), ("cubes", "box", "cube")),
            "push": (("toolbox",),),
            "write": (("measurements", "plan"),),
            "wipe": (("sawdust", "rag"),),
        },
    ),
    Trade(
        "packing table",
        ("mat", "steel", "slate", "planks"),
        {
            "press": (("Stamp", "delivery notes", "stamp"),),
            "write": (("address", "label"), ("list", "form")),
            "stack": (("parcels",), ("small boxes",)),
            "push": (("carton",),),
            "deal": (("cards", "them out in rows"), ("labels", "them side by side")),
            "fetch": (("samples", "box", "vial"), ("cubes", "crate", "cube")),
            "wipe": (("dust", "cloth"),),
            "spin": (("display stand", "bottle"),),
        },
    ),
    Trade(
        "laboratory",
        ("steel", "slate", "marble", "mat"),
        {
            "pour": (
                ("solution", "flask", "beaker", "blue", "purple"),
                ("buffer", "bottle", "beaker", "green"),
            ),
            "stir": (("suspension", "dish", "glass rod", "white", "pink", "teal"),),
            "fetch": (("vials", "box", "vial"), ("pellets", "plate", "egg")),
            "spin": (("centrifuge plate", "tube"),),
            "crank": (("valve wheel",),),
            "write": (("readings", "protocol"),),
            "wipe": (("droplets", "tissue"),),
            "sprinkle": (("powder", "dish", "white", "yellow"),),
            "deal": (("slides", "them out in rows"),),
        },
    ),
    Trade(
        "art studio",
        ("planks", "linen", "mat", "wood"),
        {
            "coat": (("Paint", "panel"), ("Prime", "panel")),
            "spin": (("potter's wheel", "vase"),),
            "roll": (("clay",),),
            "press": (("Print", "paper", "lino block"),),
            "stir": (("paint", "bowl", "stick", "red", "blue", "yellow"),),
            "deal": (("mosaic tiles", "a mosaic"),),
            "wipe": (("clay crumbs", "rag"),),
            "rub": (("Smooth", "wooden panel", "pumice block"),),
            "write": (("signature lines", "sketch sheet"),),
        },
    ),
)
