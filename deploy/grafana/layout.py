"""Where panels go on a board's grid of 24 columns."""

COLUMNS = 24


def place(sizes, top):
    """The highest, then leftmost place for each (width, height) in turn, below `top`. Returns [(x, y)]."""
    skyline = [top] * COLUMNS
    places = []
    for width, height in sizes:
        heights = [max(skyline[x : x + width]) for x in range(COLUMNS - width + 1)]
        y = min(heights)
        x = heights.index(y)
        skyline[x : x + width] = [y + height] * width
        places.append((x, y))
    return places
