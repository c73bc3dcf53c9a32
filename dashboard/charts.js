// charts.js -- the four charts: what each shows, and the sentence above it.
// SPDX-License-Identifier: Apache-2.0
import {byId, h} from "./dom.js";
import {bucket, count, dollars, duration, durationTick, minute, money,
	moneyTick, percent, plural, short, step as stepInWords} from "./format.js";
import {Plot} from "./plot.js";
import {get, set} from "./state.js";

const nano = (value) => BigInt(Math.round(value * 1e9));
const sum = (values) => values.reduce((a, b) => a + b, 0);

/* A bucket's time in a sentence: of today's the date is not needed. */
function at(t, overview) {
	const date = new Date(t * 1000);
	const isToday = overview.step_s < 86400 &&
		date.toDateString() === new Date().toDateString();
	return isToday ? minute(date) : bucket(date, overview.step_s);
}

/* The index of the greatest, or -1 where none is above zero. */
function peak(values) {
	let best = -1;
	values.forEach((value, i) => {
		if (value > (best < 0 ? 0 : values[best])) {
			best = i;
		}
	});
	return best;
}

function running(values) {
	let total = 0n;
	return values.map((value) => (total += value));
}

// --- spend against baseline -----------------------------------------------------

const CURVES = [["each", "Each"], ["running", "Running total"]];
const curve = h("div.segments.curve", {role: "group",
	"aria-label": "Amounts of the chart"},
CURVES.map(([name, label]) => h("button", {type: "button",
	"data-curve": name, onclick: () => set({curve: name}, true)}, label)));

const spend = new Plot({
	id: "chart-spend", title: "Spend against baseline", extra: curve,
	stepped: true,
	value: (value) => money(nano(value)), tick: moneyTick,
	footer: (items) => {
		if (items.length < 2) {
			return "";
		}
		const [base, cost] = items.map((item) => item.raw);
		return `saved: ${money(nano(base - cost))}${base > 0 ?
			` (${percent(base - cost, base)})` : ""}`;
	},
	series: [
		{label: "baseline", kind: "line", mark: "dashed", colour: "base",
			dash: [5, 4], width: 1.75, stepped: true},
		{label: "spend", kind: "line", colour: "spend", width: 2.25,
			stepped: true,
			fill: (ink) => ({target: 0, above: ink("loss", 0.3),
				below: ink("route", 0.22)})},
	],
});

const GAP = {label: "saved: the gap", mark: "area", colour: "route"};
const EXCESS = {label: "above the baseline", mark: "area", colour: "loss"};

function spendSummary(overview) {
	const saved = overview.series.map((one) => one.saved_nano_usd);
	const isLoss = overview.total.saved_nano_usd < 0n;
	const best = peak(saved.map((one) => Number(isLoss ? -one : one)));
	const steps = `Steps of ${stepInWords(overview.step_s)}`;
	if (best < 0) {
		return overview.total.requests === 0 ? "No requests." :
			`${steps}; nothing was saved.`;
	}
	const what = isLoss ? "most above the baseline" : "most was saved";
	const size = isLoss ? -saved[best] : saved[best];
	return `${steps}; ${what} at ${at(overview.series[best].t, overview)}: ${
		money(size)}.`;
}

function updateSpend(overview) {
	const {series} = overview;
	const isRunning = get().curve === "running";
	const take = (name) => {
		const values = series.map((one) => one[name]);
		return (isRunning ? running(values) : values).map(dollars);
	};
	for (const button of curve.children) {
		button.setAttribute("aria-pressed",
			String(button.dataset.curve === get().curve));
	}
	const isAbove = series.some((one) => one.saved_nano_usd < 0n);
	spend.setLegend([...spend.spec.series, GAP, ...isAbove ? [EXCESS] : []]);
	spend.update({
		columns: [take("baseline_nano_usd"), take("cost_nano_usd")],
		summary: spendSummary(overview),
	});
}

// --- requests by outcome --------------------------------------------------------

const OUTCOMES = [
	["completed", "completed", "ok", false],
	["client_gone", "client gone", "gone", false],
	["refused", "refused", "refused", false],
	["timed_out", "timed out", "late", false],
	["upstream_died", "upstream died", "loss", false],
	["unknown", "unknown", "ink-3", true],
];

const outcomes = new Plot({
	id: "chart-outcomes", title: "Requests by outcome", stacked: true,
	value: count, tick: short, isCount: true,
	series: OUTCOMES.map(([, label, colour, isStriped]) =>
		({label, kind: "bar", mark: isStriped ? "striped" : "bar", colour,
			isStriped})),
});

function updateOutcomes({series, total}) {
	const columns = OUTCOMES.map(([name]) =>
		series.map((one) => one.outcomes[name]));
	const sums = columns.map(sum);
	const bad = OUTCOMES.map(([, label], i) => [label, sums[i]])
		.filter(([label, n]) => n > 0 && label !== "completed")
		.map(([label, n]) => `${count(n)} ${label}`);
	outcomes.update({columns, summary: total.requests === 0 ? "No requests." :
		bad.length === 0 ? "All completed." : `${bad.join(", ")}.`});
}

// --- latency ----------------------------------------------------------------------

const LATENCIES = [
	["first_token_p50_ms", "first token, median", "fast", []],
	["first_token_p95_ms", "first token, 95%", "fast", [5, 4]],
	["duration_p50_ms", "whole answer, median", "slow", []],
	["duration_p95_ms", "whole answer, 95%", "slow", [5, 4]],
];

const latency = new Plot({
	id: "chart-latency", title: "Latency", value: duration,
	tick: durationTick,
	series: LATENCIES.map(([, label, colour, dash]) => ({label, kind: "line",
		mark: dash.length > 0 ? "dashed" : "line", colour, dash,
		width: dash.length > 0 ? 1.5 : 2})),
});

function updateLatency({series, total}) {
	latency.update({
		columns: LATENCIES.map(([name]) => series.map((one) => one[name])),
		summary: total.duration_p50_ms === null ? "Nothing was measured." :
			`Whole answers: median ${duration(total.duration_p50_ms)}, 95% within ${
				duration(total.duration_p95_ms)}.`,
	});
}

// --- cache ------------------------------------------------------------------------

const SOURCES = [
	["memory", "memory", "cache-1", false],
	["near", "near cache", "cache-2", false],
	["redis", "Redis", "cache-3", false],
	["coalesced", "coalesced", "cache-4", true],
];

const cache = new Plot({
	id: "chart-cache", title: "Cache hits by source", stacked: true,
	value: count, tick: short, isCount: true,
	footer: (items) => {
		const one = cache.buckets?.[items[0]?.dataIndex];
		const rate = one && percent(sum(items.map((item) => item.raw)),
			one.requests);
		return rate ? `${rate} of ${plural(one.requests, "request")}` : "";
	},
	series: SOURCES.map(([, label, colour, isStriped]) => ({label, kind: "bar",
		mark: isStriped ? "striped" : "bar", colour, isStriped})),
});

function updateCache({series, total}) {
	const columns = SOURCES.map(([name]) =>
		series.map((one) => one.cache[name]));
	const parts = SOURCES.map(([, label], i) => [label, sum(columns[i])])
		.filter(([, n]) => n > 0).map(([label, n]) => `${count(n)} ${label}`);
	cache.buckets = series;
	cache.update({columns, summary: parts.length === 0 ? "No hits." :
		`${percent(total.cache_hits, total.requests)} of requests: ${
			parts.join(", ")}.`});
}

// --- all --------------------------------------------------------------------------

const PLOTS = [[spend, updateSpend], [outcomes, updateOutcomes],
	[latency, updateLatency], [cache, updateCache]];
byId("charts").append(...PLOTS.map(([plot]) => plot.card));

export function showCharts(overview) {
	const times = overview.series.map((one) => one.t);
	for (const [plot, update] of PLOTS) {
		plot.times = times;
		plot.step = overview.step_s;
		update(overview);
	}
}

document.addEventListener("themechange", () => {
	for (const [plot] of PLOTS) {
		plot.recolour();
	}
});
