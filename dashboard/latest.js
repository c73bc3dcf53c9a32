// latest.js -- the latest requests, as they come.
// SPDX-License-Identifier: Apache-2.0
import {byId, h, refill, setText} from "./dom.js";
import {clock, columnPlaces, count, day, duration, exactMoney, money, short,
	stamp} from "./format.js";
import {DIMENSIONS, get, linkTo, set} from "./state.js";

export const LIMIT = 50;

const NAMES = {completed: "completed", client_gone: "client gone",
	upstream_died: "upstream died", timed_out: "timed out",
	refused: "refused", escalated: "escalated", unknown: "unknown"};

/* "completed" unless it says otherwise; its kind colours the badge. */
export function outcomeBadge(row) {
	const outcome = row.outcome ?? "";
	const status = row.status ?? 0;
	const kind = outcome === "client_gone" ? "gone" :
		outcome === "completed" && status < 400 ? "ok" :
			status >= 400 || (outcome !== "" && outcome !== "completed") ?
				"bad" : "ok";
	const words = NAMES[outcome] ?? (status < 400 ? "answered" : "refused");
	return h(`span.badge.badge-${kind}`, null,
		h("span.badge-code", null, status ? String(status) : DASHED), words);
}

const DASHED = "–";

export function cacheBadge(cache) {
	if (!cache) {
		return DASHED;
	}
	return cache === "hit" ? h("span.badge.badge-hit", null, "hit") : cache;
}

const tokens = (row) => `${short((row.input_tokens ?? 0) +
	(row.cached_tokens ?? 0))} → ${short(row.output_tokens ?? 0)}`;

const tokensInWords = (row) => `${count(row.input_tokens)} in, ${
	count(row.cached_tokens)} cached, ${count(row.output_tokens)} out${
	row.estimated ? " (estimated)" : ""}`;

function amountCell(nano, places, style) {
	const isLoss = typeof nano === "bigint" && nano < 0n;
	return h(`td.number${style}${isLoss ? ".is-loss" : ""}`, {role: "cell",
		title: exactMoney(nano), "data-value": nano ?? ""},
	money(nano, places));
}

/* Heads and classes; a phone shows five of them, in two lines (parts.css). */
const COLUMNS = [
	["Time", ".at"], ["Result", ".result"], ["Model", ".model"],
	["Rule", ".least"], ["Task", ".least"], ["Key", ".minor"],
	["Cache", ".least"], ["Tokens", ".number.least"],
	["First token", ".number.least"], ["Whole", ".number.least"],
	["Cost", ".number.cost"], ["Saved", ".number.gain"],
];

function timeText(ts) {
	const date = new Date(ts);
	const isToday = date.toDateString() === new Date().toDateString();
	return isToday ? clock(date) : `${day(date)} ${clock(date)}`;
}

function line(row, places) {
	const id = row.request_id;
	const open = (event) => {
		const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey;
		if (isPlain) {
			event.preventDefault();
			set({request: id});
		}
	};
	const link = h("a", {href: linkTo({request: id}), "data-focus": id,
		"data-request": id, title: stamp(new Date(row.ts)), onclick: open},
	timeText(row.ts));
	const text = (style, value) => h(`td.text${style}`,
		{role: "cell", title: value}, value || DASHED);
	return h("tr", {role: "row"},
		h("th.at", {scope: "row", role: "rowheader"}, link),
		h("td.result", {role: "cell"}, outcomeBadge(row)),
		text(".model", row.model), text(".least", row.rule),
		text(".least", row.task), text(".minor", row.key),
		h("td.least", {role: "cell"}, cacheBadge(row.cache)),
		h("td.number.least", {role: "cell", title: tokensInWords(row)},
			row.estimated ? `~${tokens(row)}` : tokens(row)),
		h("td.number.least", {role: "cell"}, duration(row.first_token_ms)),
		h("td.number.least", {role: "cell"}, duration(row.ms)),
		amountCell(row.cost_nano_usd, places, ".cost"),
		amountCell(row.saved_nano_usd, places, ".gain"));
}

/* Somebody is copying from the table: it waits until that is done. */
function isSelected() {
	const selection = getSelection();
	return !selection.isCollapsed &&
		byId("latest").contains(selection.anchorNode);
}

/* The rows, which the server has filtered already, newest first. */
export function showLatest(rows) {
	if (isSelected()) {
		return;
	}
	const isFiltered = DIMENSIONS.some((name) => get()[name] !== "");
	if (rows.length === 0) {
		refill(byId("latest"), h("p.none", null, isFiltered ?
			"None of the latest requests matches the filters." :
			"No request since the gateway started."));
		return;
	}
	const places = columnPlaces(rows.flatMap((row) =>
		[row.cost_nano_usd, row.saved_nano_usd]));
	// A phone lays rows out as a grid, which takes a table's roles away.
	refill(byId("latest"), h("div.scroll.latest", {tabindex: "0",
		role: "region", "aria-label": "latest requests"},
	h("table", {role: "table"},
		h("caption.sr", null, "The latest requests, newest first"),
		h("thead", {role: "rowgroup"}, h("tr", {role: "row"}, COLUMNS.map(
			([label, style]) => h(`th${style}`, {scope: "col",
				role: "columnheader"}, label)))),
		h("tbody", {role: "rowgroup"},
			rows.map((row) => line(row, places))))));
}

export function showLatestState(text) {
	setText(byId("latest-state"), text);
}
