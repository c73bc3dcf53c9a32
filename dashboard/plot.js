// plot.js -- one chart: its card, legend, text, table; updated in place.
// SPDX-License-Identifier: Apache-2.0
// Chart.js comes as a plain script and is known as globalThis.Chart.
import {h, prefersCalm, refill, setHidden, setText} from "./dom.js";
import {bucket, day, minute} from "./format.js";
import {set} from "./state.js";

const probe = h("span.sr", {"aria-hidden": "true"});
document.body.append(probe);

/* A colour of the style sheet as it is now; <alpha> 0..1. */
export function colour(name, alpha = 1) {
	probe.style.color = `var(--${name})`;
	const plain = getComputedStyle(probe).color;
	return alpha === 1 ? plain :
		plain.replace(/^rgba?\((\d+), (\d+), (\d+).*\)$/,
			`rgba($1, $2, $3, ${alpha})`);
}

/* Stripes, so that a series is told apart without its colour. */
export function stripes(name) {
	const tile = document.createElement("canvas");
	tile.width = tile.height = 6;
	const pen = tile.getContext("2d");
	pen.fillStyle = colour(name, 0.35);
	pen.fillRect(0, 0, 6, 6);
	pen.strokeStyle = colour(name);
	pen.lineWidth = 1.5;
	for (const x of [-3, 0, 3]) {
		pen.moveTo(x, 6);
		pen.lineTo(x + 6, 0);
	}
	pen.stroke();
	return pen.createPattern(tile, "repeat");
}

// --- the axis of time ---------------------------------------------------------

const HOUR = 3600;
const DAY = 24 * HOUR;
const ROUND = [60, 300, 600, 900, 1800, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR,
	12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY];

/* Seconds of the clock on the wall since 1970, so that ticks fall on round
 * local times. */
const local = (t) => t - new Date(t * 1000).getTimezoneOffset() * 60;

/* The indices of the buckets that get a label: round times, <room> at most. */
export function roundTicks(times, room) {
	if (times.length === 0) {
		return [];
	}
	const length = times[times.length - 1] - times[0];
	const gap = ROUND.find((one) => length / one <= room) ??
		ROUND[ROUND.length - 1];
	const ticks = [];
	times.forEach((t, i) => {
		const isFirst = i > 0 && Math.floor(local(t) / gap) !==
			Math.floor(local(times[i - 1]) / gap);
		if (isFirst) {
			ticks.push(i);
		}
	});
	return ticks;
}

function tickText(t, step) {
	const date = new Date(t * 1000);
	const isMidnight = local(t) % DAY < step;
	return step >= DAY || isMidnight ? day(date) : minute(date);
}

// --- the card -----------------------------------------------------------------

/*
 * <spec>: {id, title, series: [{label, colour, ...}], value(number) -> text,
 * stacked, extra: elements for the head}. A series has "kind" line or bar, and
 * may be dashed, striped, filled.
 */
export class Plot {
	constructor(spec) {
		this.spec = spec;
		this.times = [];
		this.step = 60;
		this.showsTable = false;
		this.build();
		this.draw();
	}

	build() {
		const {id, title} = this.spec;
		this.summary = h("p.sub.chart-summary", null, "\u00a0");
		this.canvas = h("canvas", {role: "img", id: `${id}-canvas`});
		this.nothing = h("p.nothing", {hidden: true}, "Nothing to draw yet.");
		this.frame = h("div.frame", null, this.canvas, this.nothing);
		this.rows = h("div.frame.rows", {tabindex: "0", hidden: true,
			role: "region", "aria-label": `${title}, as a table`});
		this.toggle = h("button.quiet", {type: "button",
			"aria-pressed": "false", onclick: () => this.turn()}, "Table");
		this.legend = h("ul.legend");
		this.card = h("section.card.chart", {id,
			"aria-labelledby": `${id}-title`},
		h("div.card-head", null, h("h2", {id: `${id}-title`}, title),
			this.spec.extra, this.toggle),
		this.summary, this.legend, this.frame, this.rows);
	}

	turn() {
		this.showsTable = !this.showsTable;
		this.toggle.setAttribute("aria-pressed", String(this.showsTable));
		this.frame.hidden = this.showsTable;
		this.rows.hidden = !this.showsTable;
		this.fillTable();
		if (!this.showsTable) {
			this.chart.resize();
		}
	}

	draw() {
		this.chart = new globalThis.Chart(this.canvas, {
			data: {labels: [], datasets: this.spec.series.map(() => ({data: []}))},
			options: this.options(),
		});
		this.recolour();
		this.setLegend(this.spec.series);
	}

	/* A step of an hour or a day can be looked into; a minute is the least. */
	get canZoom() {
		return this.step > 60;
	}

	zoom(t) {
		const time = (seconds) => new Date(seconds * 1000).toISOString()
			.replace(".000", "");
		set({since: time(t), until: time(t + this.step)});
	}

	zoomButton(t) {
		const label = bucket(new Date(t * 1000), this.step);
		return this.canZoom ? h("button.name", {type: "button",
			"data-focus": `zoom-${t}`, title: "Only this time",
			onclick: () => this.zoom(t)}, label) : label;
	}

	options() {
		const {spec} = this;
		return {
			animation: false,
			responsive: true,
			maintainAspectRatio: false,
			interaction: {mode: "index", intersect: false},
			layout: {padding: {top: 6}},
			onHover: (event, items) => {
				event.native.target.style.cursor =
					items.length > 0 && this.canZoom ? "zoom-in" : "";
			},
			onClick: (event, items) => {
				if (items.length > 0 && this.canZoom) {
					this.zoom(this.times[items[0].index]);
				}
			},
			plugins: {
				legend: {display: false},
				tooltip: {
					padding: 10, boxPadding: 4, usePointStyle: true,
					callbacks: {
						title: (items) => (items.length === 0 ? "" :
							bucket(new Date(
								this.times[items[0].dataIndex] * 1000),
							this.step)),
						label: (item) => ` ${item.dataset.label}: ${
							spec.value(item.raw, item)}`,
						footer: (items) => spec.footer?.(items) ?? "",
					},
				},
			},
			scales: {
				x: {
					stacked: Boolean(spec.stacked),
					offset: Boolean(spec.stacked || spec.stepped),
					grid: {display: false},
					ticks: {autoSkip: false, maxRotation: 0,
						callback: (i) => tickText(this.times[i], this.step)},
					afterBuildTicks: (axis) => {
						const room = Math.max(2, axis.chart.width / (axis.chart.width < 420 ? 62 : 84));
						axis.ticks = roundTicks(this.times, room)
							.map((value) => ({value}));
					},
				},
				y: {
					stacked: Boolean(spec.stacked),
					beginAtZero: true,
					border: {display: false},
					grid: {drawBorder: false},
					ticks: {maxTicksLimit: 6, padding: 6,
						precision: spec.isCount ? 0 : undefined,
						callback: (value) => spec.tick(value)},
				},
			},
		};
	}

	/* Colours are read from the style sheet whenever the theme changes. */
	recolour() {
		const {options, data} = this.chart;
		const font = {family: getComputedStyle(document.body).fontFamily,
			size: 12};
		for (const axis of Object.values(options.scales)) {
			axis.ticks.color = colour("ink-3");
			axis.ticks.font = font;
		}
		options.scales.y.grid.color = colour("grid");
		Object.assign(options.plugins.tooltip, {
			backgroundColor: colour("ink"), titleColor: colour("card"),
			bodyColor: colour("card"), footerColor: colour("card"),
			titleFont: font, bodyFont: font,
			footerFont: {...font, weight: "normal"},
		});
		this.spec.series.forEach((series, i) =>
			Object.assign(data.datasets[i], style(series)));
		this.chart.update("none");
	}

	/* <items>: {label, kind or mark, colour} each. */
	setLegend(items) {
		const words = items.map(({label}) => label).join();
		if (this.legend.dataset.items !== words) {
			this.legend.dataset.items = words;
			refill(this.legend, items.map(legendItem));
		}
	}

	/*
	 * New figures: <columns> an array for each series, a value for each of
	 * .times (seconds); <summary> is the sentence that says what they show.
	 */
	update({columns, summary}) {
		this.columns = columns;
		this.chart.data.labels = this.times.map((_, i) => i);
		columns.forEach((column, i) => {
			this.chart.data.datasets[i].data = column;
		});
		this.chart.update(prefersCalm() ? "none" : undefined);
		const isEmpty = columns.every((column) => column.every((one) => !one));
		this.canvas.classList.toggle("is-empty", isEmpty);
		setHidden(this.nothing, !isEmpty);
		setText(this.summary, summary);
		this.canvas.setAttribute("aria-label",
			`${this.spec.title}. ${summary}`);
		this.fillTable();
	}

	fillTable() {
		if (!this.showsTable || !this.columns) {
			return;
		}
		const {series, title, value} = this.spec;
		const top = this.rows.scrollTop;
		const row = (t, i) => h("tr", null,
			h("th", {scope: "row"}, this.zoomButton(t)),
			this.columns.map((column) => h("td.number", null,
				value(column[i]))));
		refill(this.rows, h("table", null, h("caption.sr", null, title),
			h("thead", null, h("tr", null, h("th", {scope: "col"}, "time"),
				series.map(({label}) => h("th.number", {scope: "col"},
					label)))),
			h("tbody", null, this.times.map(row).reverse())));
		this.rows.scrollTop = top;
	}
}

function legendItem({label, mark, kind, colour: name}) {
	const swatch = h(`span.swatch.swatch-${mark ?? kind}`,
		{"aria-hidden": "true"});
	swatch.style.setProperty("--swatch", `var(--${name})`);
	return h("li", null, swatch, label);
}

/* A point that no line reaches would not be seen. */
function lonely(context) {
	const {data} = context.dataset;
	const isThere = (i) => data[i] !== null && data[i] !== undefined;
	const i = context.dataIndex;
	return isThere(i) && !isThere(i - 1) && !isThere(i + 1) ? 2.5 : 0;
}

function style(series) {
	const own = colour(series.colour);
	if (series.kind === "bar") {
		return {type: "bar", label: series.label, stack: "all",
			backgroundColor: series.isStriped ? stripes(series.colour) : own,
			borderWidth: 0, barPercentage: 1, categoryPercentage: 0.86,
			maxBarThickness: 28, pointStyle: "rect"};
	}
	return {
		type: "line", label: series.label, borderColor: own,
		backgroundColor: own, borderWidth: series.width ?? 2,
		borderDash: series.dash ?? [], borderJoinStyle: "round",
		pointRadius: lonely, pointHoverRadius: 4, pointHitRadius: 8,
		pointStyle: "circle", tension: 0,
		stepped: series.stepped ? "middle" : false, spanGaps: false,
		fill: series.fill ? series.fill(colour) : false,
	};
}
