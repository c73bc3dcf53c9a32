// tables.js -- spend and savings by model, rule, key or task.
// SPDX-License-Identifier: Apache-2.0
import {byId, h, refill} from "./dom.js";
import {columnPlaces, count, duration, exactMoney, money, percent,
	short} from "./format.js";
import {DIMENSIONS, get, scope, set} from "./state.js";

/*
 * The columns: "total" sums the rows, which percentiles cannot; "minor" ones
 * are left out on a phone and "least" ones on a tablet too; the CSV has all.
 */
const COLUMNS = [
	{name: "cost_nano_usd", label: "Spend", kind: "money", total: true},
	{name: "baseline_nano_usd", label: "Baseline", kind: "money", total: true,
		minor: true},
	{name: "saved_nano_usd", label: "Saved", kind: "saved", total: true},
	{name: "requests", label: "Requests", kind: "count", total: true},
	{name: "cache_hits", label: "Hits", kind: "count", total: true,
		minor: true, title: "answered by the cache"},
	{name: "errors", label: "Errors", kind: "errors", total: true,
		minor: true},
	{name: "input_tokens", label: "In", kind: "tokens", total: true,
		least: true, title: "input tokens, without cached ones"},
	{name: "cached_tokens", label: "Cached", kind: "tokens", total: true,
		least: true, title: "input tokens that the provider had cached"},
	{name: "output_tokens", label: "Out", kind: "tokens", total: true,
		least: true, title: "output tokens"},
	{name: "first_token_p50_ms", label: "First token", kind: "ms",
		least: true, title: "median time to the first token"},
	{name: "first_token_p95_ms", label: "95%", kind: "ms", least: true,
		title: "time to the first token that 95% of requests stay below"},
];
const SORTS = ["name", ...COLUMNS.map(({name}) => name)];
let last = null; // the breakdown shown

// --- order --------------------------------------------------------------------

function compare(a, b) {
	if (typeof a === "string") {
		return a.localeCompare(b);
	}
	return a < b ? -1 : a > b ? 1 : 0;
}

/* Unknown amounts stand last, whichever way the rest goes. */
function sorted(rows) {
	const {sort, dir} = get();
	const name = SORTS.includes(sort) ? sort : "cost_nano_usd";
	const sign = dir === "asc" ? 1 : -1;
	const isNone = (row) => row[name] === null || row[name] === undefined;
	return [...rows].sort((a, b) => isNone(a) - isNone(b) || (isNone(a) ? 0 :
		sign * compare(a[name], b[name])) || compare(a.name, b.name));
}

function turn(name) {
	const {sort, dir} = get();
	const first = name === "name" ? "asc" : "desc";
	const other = dir === "asc" ? "desc" : "asc";
	set({sort: name, dir: sort === name ? other : first}, true);
}

const hides = ({minor, least}) => (least ? ".least" : minor ? ".minor" : "");

function heading(column, isNumber) {
	const {name, label, title} = column;
	const {sort, dir} = get();
	const isSorted = sort === name;
	const order = dir === "asc" ? "ascending" : "descending";
	const arrow = h("span.arrow", {"aria-hidden": "true"},
		isSorted ? (dir === "asc" ? "▲" : "▼") : "");
	return h(`th${isNumber ? ".number" : ""}${hides(column)}`,
		{scope: "col", "aria-sort": isSorted ? order : "none"},
		h("button.sort", {type: "button", title, "data-focus": `sort-${name}`,
			"data-sort": name, onclick: () => turn(name)},
		isNumber ? [arrow, label] : [label, arrow]));
}

// --- cells --------------------------------------------------------------------

/* Saved, with a bar of its share of the largest in the column. */
function savedCell(nano, places, most) {
	const bar = h(`span.share${nano < 0n ? ".share-loss" : ""}`,
		{"aria-hidden": "true"});
	const size = nano < 0n ? -nano : nano;
	bar.style.width = `${most > 0n ?
		Number(size * 1000n / most) / 10 : 0}%`;
	return h(`td.number.saved-cell${nano < 0n ? ".is-loss" : ""}`,
		{title: exactMoney(nano), "data-value": nano},
		h("span.share-track", {"aria-hidden": "true"}, bar),
		h("span", null, money(nano, places)));
}

function cell(column, row, scales) {
	const {name, kind} = column;
	const value = row[name];
	const style = `td.number${hides(column)}`;
	if (value === undefined) {
		return h(style);
	}
	switch (kind) {
	case "saved":
		return savedCell(value, scales.places, scales.most);
	case "money":
		return h(style, {title: exactMoney(value), "data-value": value},
			money(value, scales.places));
	case "ms":
		return h(style, {"data-value": value}, duration(value));
	case "tokens":
		return h(style, {title: count(value), "data-value": value},
			short(value));
	case "errors":
		return h(`${style}${value > 0 ? ".is-loss" : ""}`, {
			"data-value": value,
			title: percent(value, row.requests),
		}, count(value));
	default:
		return h(style, {"data-value": value}, count(value));
	}
}

function scalesOf(rows) {
	const amounts = COLUMNS.filter(({kind}) => kind === "money" ||
		kind === "saved").map(({name}) => name);
	const scales = {most: 0n, places: columnPlaces(
		rows.flatMap((row) => amounts.map((name) => row[name])))};
	for (const {saved_nano_usd: nano} of rows) {
		const size = nano < 0n ? -nano : nano;
		scales.most = size > scales.most ? size : scales.most;
	}
	return scales;
}

function totalOf(rows) {
	const total = {};
	for (const {name, total: isSummed} of COLUMNS) {
		if (isSummed) {
			total[name] = rows.map((row) => row[name])
				.reduce((a, b) => a + b);
		}
	}
	return total;
}

// --- the table ----------------------------------------------------------------

/* What a row without a name is: an older ledger's, or none was decided. */
const told = (name) => (name === "" ? "(none)" : name);

function nameCell(by, name) {
	if (name === "") {
		return h("th", {scope: "row"}, told(name));
	}
	const isSet = get()[by] === name;
	return h("th", {scope: "row"}, h("button.name", {type: "button",
		"data-focus": `name-${name}`, "data-name": name,
		"aria-pressed": String(isSet),
		title: isSet ? "Show all again" : `Only ${by} ${name}`,
		onclick: () => set({[by]: isSet ? "" : name})}, name));
}

function table({by, rows}) {
	const scales = scalesOf(rows);
	const total = totalOf(rows);
	const body = sorted(rows).map((row) => h("tr", null, nameCell(by, row.name),
		COLUMNS.map((column) => cell(column, row, scales))));
	return h("div.scroll", {tabindex: "0", role: "region",
		"aria-label": `by ${by}`},
	h("table.breakdown", null,
		h("caption.sr", null, `Spend and savings by ${by}`),
		h("thead", null, h("tr", null, heading({name: "name", label: by}),
			COLUMNS.map((column) => heading(column, true)))),
		h("tbody", null, body),
		rows.length > 1 && h("tfoot", null, h("tr", null,
			h("th", {scope: "row"}, "all"),
			COLUMNS.map((column) => cell(column, total,
				{...scales, most: 0n}))))));
}

function redraw() {
	if (!last) {
		return;
	}
	refill(byId("breakdown"), last.rows.length > 0 ? table(last) :
		h("p.none", null, "No rows in this time."));
}

// --- the tabs -----------------------------------------------------------------

/* Arrows move among the tabs, as in any tab list. */
function onKey(event) {
	const move = {ArrowRight: 1, ArrowLeft: -1}[event.key];
	if (!move) {
		return;
	}
	const n = DIMENSIONS.length;
	const next = (DIMENSIONS.indexOf(get().by) + move + n) % n;
	set({by: DIMENSIONS[next]}, true);
	byId(`tab-${DIMENSIONS[next]}`).focus();
	event.preventDefault();
}

export function showTabs() {
	const {by} = get();
	refill(byId("by"), DIMENSIONS.map((name) => h("button", {type: "button",
		id: `tab-${name}`, role: "tab", "data-focus": name, "data-by": name,
		"aria-selected": String(by === name), "aria-controls": "breakdown",
		tabindex: by === name ? "0" : "-1",
		onclick: () => set({by: name}, true)}, `by ${name}`)));
	byId("breakdown").setAttribute("aria-labelledby", `tab-${by}`);
	const query = scope();
	query.set("by", by);
	query.set("format", "csv");
	byId("breakdown-csv").href = `/api/breakdown?${query}`;
}

byId("by").addEventListener("keydown", onKey);

/* <breakdown>: a new answer; nothing: the same in another order. */
export function showBreakdown(breakdown) {
	last = breakdown ?? last;
	redraw();
}
