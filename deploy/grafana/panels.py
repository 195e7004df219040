"""The kinds of panels that the boards are made of.

Each wants a title, a description that says what good looks like, a unit and its queries; every query is limited to
the chosen data source, jobs and instances.
"""

import itertools

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from layout import COLUMNS, place

DATA_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
SELECTED = 'job=~"$job", instance=~"$instance"'
NO_TRAFFIC = "no traffic"
# Units that Grafana does not know by a name of its own.
TIMES = "suffix:x"
TOKENS = "suffix: tokens"
TOKENS_PER_SECOND = "suffix: tokens/s"
ROWS_PER_SECOND = "suffix: rows/s"


def series(name, **labels):
    """A selector of pass_NAME or pass:NAME, as series("rows_total", kind="decode|lookahead")."""
    prefix = "pass" if name.startswith(":") else "pass_"
    chosen = [
        f'{label}=~"{value}"' if "|" in value else f'{label}="{value}"' for label, value in labels.items()
    ]
    return f"{prefix}{name}{{{', '.join(chosen + [SELECTED])}}}"


def rate(name, **labels):
    return f"rate({series(name, **labels)}[$__rate_interval])"


def total(name, by="", **labels):
    """The summed rate, by some labels."""
    return f"sum{f' by ({by})' if by else ''} ({rate(name, **labels)})"


def ratio(numerator, denominator):
    """A fraction that is absent, not NaN, where nothing happened."""
    return f"{numerator} / ({denominator} > 0)"


def happened(name, by, **labels):
    """The summed rate by some labels, without the values of theirs that have not occurred."""
    return f"{total(name, by, **labels)} > 0"


def quantiles(histogram, *of):
    """[(expression, legend)] of a histogram's quantiles: of = 0.5, 0.95, ..."""
    rates = total(f"{histogram}_bucket", by="le")
    return [(f"histogram_quantile({q}, {rates})", f"p{q * 100:g}") for q in of]


def mean(histogram, by=""):
    return ratio(total(f"{histogram}_sum", by), total(f"{histogram}_count", by))


def _no_traffic():
    result = models.ValueMappingResult(text=NO_TRAFFIC, color="text", index=0)
    options = models.DashboardSpecialValueMapOptions(
        match=models.SpecialValueMatch.NULL_AND_NAN, result=result
    )
    return models.SpecialValueMap(options=options)


def _texts(texts):
    options = {
        value: models.ValueMappingResult(text=text, color=color, index=index + 1)
        for index, (value, (text, color)) in enumerate(texts.items())
    }
    return models.ValueMap(options=options)


def _thresholds(steps):
    colors = [models.Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(colors)


def _fill(
    panel,
    title,
    good,
    unit,
    queries,
    *,
    size,
    thresholds=None,
    decimals=None,
    texts=None,
    empty=None,
    instant=False,
    heat=False,
    floor=None,
    ceiling=None,
):
    """What all kinds share. `empty`: when the panel rightly shows nothing, as the end of "Empty while ..."."""
    width, height = size
    description = good if empty is None else f"{good} Empty while {empty}."
    panel.title(title).description(description).datasource(DATA_SOURCE).unit(unit).span(width).height(height)
    panel.no_value(NO_TRAFFIC).mappings([_no_traffic()] + ([_texts(texts)] if texts else []))
    panel.thresholds(_thresholds(thresholds or [(None, "blue")]))
    if decimals is not None:
        panel.decimals(decimals)
    if floor is not None:
        panel.min(floor)
    if ceiling is not None:
        panel.max(ceiling)
    for index, (expression, legend) in enumerate(queries):
        query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + index))
        query.datasource(DATA_SOURCE)
        if heat:
            query.format(PromQueryFormat.HEATMAP)
        panel.with_target(query.instant() if instant else query.range())
    return panel


def _last_value():
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def number(title, good, unit, query, size=(4, 4), graph=True, **options):
    """One large number, with its recent course behind it."""
    panel = _fill(stat.Panel(), title, good, unit, [(query, title)], size=size, **options)
    mode = common_models.BigValueGraphMode.AREA if graph else common_models.BigValueGraphMode.NONE
    panel.graph_mode(mode).color_mode(common_models.BigValueColorMode.VALUE).reduce_options(_last_value())
    return panel


def graph(title, good, unit, queries, size=(8, 8), stacked=False, line=None, log=False, **options):
    """Lines over time. `line`: a value that a dashed line marks."""
    if line is not None:
        options["thresholds"] = [(None, "transparent"), (line, "orange")]
    options.setdefault("floor", 0)
    panel = _fill(timeseries.Panel(), title, good, unit, queries, size=size, **options)
    panel.line_width(2).fill_opacity(30 if stacked else 5).show_points(common_models.VisibilityMode.NEVER)
    panel.legend(
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    panel.tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
    if stacked:
        panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A"))
    if line is not None:
        style = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
        panel.thresholds_style(style)
    if log:
        scale = common.ScaleDistributionConfig().type(common_models.ScaleDistribution.LOG).log(2)
        panel.scale_distribution(scale)
    return panel


def bars(title, good, unit, queries, size=(8, 8), heat=False, **options):
    """The present value of each series, as bars. `heat`: the series are buckets, shown by their own counts."""
    options.setdefault("floor", 0)
    panel = _fill(bargauge.Panel(), title, good, unit, queries, size=size, instant=True, heat=heat, **options)
    panel.display_mode(common_models.BarGaugeDisplayMode.BASIC).value_mode(
        common_models.BarGaugeValueMode.TEXT
    )
    panel.orientation(common_models.VizOrientation.HORIZONTAL).show_unfilled(True).reduce_options(
        _last_value()
    )
    return panel


def states(title, good, queries, texts, size=(12, 6), **options):
    """Named states over time: texts = {"1": ("resting", "orange"), ...}."""
    panel = _fill(statetimeline.Panel(), title, good, "none", queries, size=size, texts=texts, **options)
    panel.show_value(common_models.VisibilityMode.AUTO).merge_values(True).row_height(0.8)
    panel.legend(
        common.VizLegendOptions()
        .show_legend(False)
        .display_mode(common_models.LegendDisplayMode.HIDDEN)
        .placement(common_models.LegendPlacement.BOTTOM)
    )
    return panel


def facts(title, good, query, hidden, size=(12, 6), **options):
    """The labels of a series as a table."""
    panel = _fill(table.Panel(), title, good, "none", [(query, "")], size=size, instant=True, **options)
    panel.targets(
        [
            prometheus.Dataquery()
            .expr(query)
            .format(PromQueryFormat.TABLE)
            .instant()
            .ref_id("A")
            .datasource(DATA_SOURCE)
        ]
    )
    excluded = {name: True for name in hidden}
    panel.with_transformation(
        models.DataTransformerConfig(id_val="organize", options={"excludeByName": excluded})
    )
    return panel


def board(title, uid, description, other, rows):
    """A board of named rows of panels. `other`: (title, uid) of the board that it links to."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["pass-server"])
        .timezone("browser")
        .refresh("15s")
        .time("now-1h", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            dashboard.DashboardLink(other[0])
            .type(models.DashboardLinkType.LINK)
            .url(f"/d/{other[1]}")
            .keep_time(True)
            .include_vars(True)
            .tooltip(other[0])
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_choice("job", "Job", "label_values(pass_build_info, job)"))
        .with_variable(
            _choice("instance", "Instance", 'label_values(pass_build_info{job=~"$job"}, instance)')
        )
    )
    top, ids = 0, itertools.count(1)
    for name, panels in rows:
        made.with_row(dashboard.Row(name).id(next(ids)).grid_pos(models.GridPos(h=1, w=COLUMNS, x=0, y=top)))
        sizes = [(panel.build().grid_pos.w, panel.build().grid_pos.h) for panel in panels]
        places = place(sizes, top + 1)
        for panel, (width, height), (x, y) in zip(panels, sizes, places, strict=True):
            made.with_panel(panel.id(next(ids)).grid_pos(models.GridPos(h=height, w=width, x=x, y=y)))
            top = max(top, y + height)
    return made


def _choice(name, label, query):
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATA_SOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(models.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
