// request.js -- one request: where it went, why, how long, for how much.
// SPDX-License-Identifier: Apache-2.0
import {byId, h, refill} from "./dom.js";
import {clock, count, duration, exactMoney, money, percent,
	stamp} from "./format.js";
import {cacheBadge, outcomeBadge} from "./latest.js";
import {get, linkTo, set} from "./state.js";

const NONE = "–";

function goBack(event) {
	event?.preventDefault();
	set({request: ""});
}

const back = () => h("a.quiet.back", {href: linkTo({request: ""}),
	"data-focus": "back", onclick: goBack}, "← All requests");

function facts(pairs) {
	return h("dl.facts", null, pairs
		.filter(([, value]) => value !== null && value !== undefined)
		.map(([name, value, title]) => h("div", null, h("dt", null, name),
			h("dd", {title}, value))));
}

function panel(title, ...children) {
	const id = `panel-${title.toLowerCase().replace(/\W+/g, "-")}`;
	return h("section.card.panel", {"aria-labelledby": id},
		h("h2", {id}, title), ...children);
}

const yesNo = (value) => (value ? "yes" : "no");
const isNumber = (value) => typeof value === "number";

// --- amounts --------------------------------------------------------------------

function amounts(row) {
	const pairs = [["cost", "Cost", row.cost_nano_usd],
		["baseline", "Baseline", row.baseline_nano_usd],
		["saved", "Saved", row.saved_nano_usd]];
	const isKnown = typeof row.saved_nano_usd === "bigint";
	const share = isKnown && row.saved_nano_usd !== 0n ?
		percent(row.saved_nano_usd, row.baseline_nano_usd) : null;
	return h("dl.amounts", null, pairs.map(([name, label, nano]) => {
		const isLoss = typeof nano === "bigint" && nano < 0n;
		const isGain = name === "saved" && isKnown && nano > 0n;
		return h("div", null, h("dt", null, label),
			h(`dd${isLoss ? ".is-loss" : isGain ? ".is-gain" : ""}`, {
				title: exactMoney(nano), "data-amount": name,
				"data-value": nano ?? "",
			}, money(nano), name === "saved" && share &&
				h("small", null, ` ${share} of the baseline`)));
	}));
}

// --- timings ---------------------------------------------------------------------

function segment(kind, from, to, all) {
	const part = h(`span.time.time-${kind}`);
	part.style.left = `${(100 * from) / all}%`;
	part.style.width = `${(100 * (to - from)) / all}%`;
	return part;
}

/* The wait for the first token, and the answer after it, to one scale. */
function timings(row) {
	const {ms: all, first_token_ms: first, upstream_ms: upstream} = row;
	if (!isNumber(all) || all <= 0) {
		return h("p.none", null, "No times were measured.");
	}
	const wait = isNumber(first) ? Math.min(first, all) : all;
	return h("div", null,
		h("div.timeline", {"aria-hidden": "true"},
			segment("wait", 0, wait, all),
			wait < all && segment("answer", wait, all, all)),
		h("ul.legend", null,
			h("li", null, h("span.swatch.swatch-wait"), isNumber(first) ?
				`to the first token ${duration(first)}` :
				"no first token was seen"),
			wait < all && h("li", null, h("span.swatch.swatch-answer"),
				`the answer after it ${duration(all - wait)}`),
			h("li", null, `in all ${duration(all)}`),
			isNumber(upstream) && h("li", null,
				`of it the last attempt ${duration(upstream)}`)));
}

// --- why it went there -------------------------------------------------------------

function story(row) {
	const told = row.story ?? row;
	const {features, reasons, candidates} = told;
	if (!reasons && !candidates) {
		return [h("p.none", null, row.story === null ?
			"It has left the memory of the latest requests, and with it the reasons." :
			"Nothing was decided: it was refused before.")];
	}
	return [
		h("ol.reasons", null, (reasons ?? []).map((one) => h("li", null, one))),
		features && h("p.chips", {"aria-label": "features"},
			[["task", features.task], ["language", features.language === "und" ?
				"unknown" : features.language],
				["tokens", count(features.tokens)], ["turns", features.turns],
				["difficulty", features.difficulty]]
				.filter(([, value]) => value !== undefined && value !== "")
				.map(([name, value]) => h("span.chip", null,
					h("span.chip-name", null, name), ` ${value}`))),
	];
}

const isBad = (row) => row.outcome !== "completed" &&
	row.outcome !== "client_gone" && row.cache !== "hit";

function candidates(row) {
	const list = (row.story ?? row).candidates ?? [];
	if (list.length === 0) {
		return null;
	}
	return h("table.candidates", null,
		h("caption.sr", null, "Candidates in their order"),
		h("thead", null, h("tr", null, h("th", {scope: "col"}, "Candidate"),
			h("th", {scope: "col"}, "Verdict"))),
		h("tbody", null, list.map(({model, reason}) => h(
			`tr${model === row.model ? ".is-chosen" : ""}`, null,
			h("th.text", {scope: "row"}, model, model === row.model &&
				h("span.badge", null, isBad(row) ? "tried last" : "answered")),
			h("td.text", null, reason || NONE)))));
}

// --- attempts ----------------------------------------------------------------------

function attemptRow(one) {
	const where = one.kind === "cache_hit" ?
		`cache${one.source ? `: ${one.source}` : ""}` : one.model || NONE;
	const input = (one.input_tokens ?? 0) + (one.cached_tokens ?? 0);
	return h("tr", null,
		h("th", {scope: "row"}, `${one.attempt ?? ""}`),
		h("td.text", {title: one.attempt_id}, where),
		h("td", null, one.state === "settled" ? outcomeBadge(one) :
			one.state ?? NONE),
		h("td.number", null, one.started ? clock(new Date(one.started)) : NONE),
		h("td.number", null, duration(one.first_token_ms)),
		h("td.number", null, duration(one.duration_ms)),
		h("td.number", null, `${one.estimated ? "~" : ""}${count(input)} → ${
			count(one.output_tokens ?? 0)}`),
		h("td.number", {title: exactMoney(one.cost_nano_usd)},
			money(one.cost_nano_usd)),
		h("td.number", {title: exactMoney(one.saved_nano_usd)},
			money(one.saved_nano_usd)));
}

const ATTEMPT_HEADS = ["#", "Answered by", "Result", "Started", "First token",
	"Whole", "Tokens", "Cost", "Saved"];

function attempts(row) {
	const list = Array.isArray(row.attempts) ? row.attempts : [];
	if (list.length === 0) {
		return null;
	}
	const followers = list.reduce((n, one) => n + (one.followers ?? 0), 0);
	return panel("Attempts", h("div.scroll", {tabindex: "0", role: "region",
		"aria-label": "attempts"}, h("table.attempts", null,
		h("caption.sr", null, "Every attempt, with what it used and cost"),
		h("thead", null, h("tr", null, ATTEMPT_HEADS.map((name, i) =>
			h(`th${i > 2 ? ".number" : ""}`, {scope: "col"}, name)))),
		h("tbody", null, list.map(attemptRow)))),
	followers > 0 && h("p.sub", null, `${count(followers)} more ${
		followers === 1 ? "request was" : "requests were"} answered along with it.`));
}

// --- the page ----------------------------------------------------------------------

function about(row) {
	return facts([
		["Time", row.ts ? stamp(new Date(row.ts)) : null, row.ts],
		["Key", row.key], ["Model", row.model], ["Rule", row.rule],
		["Task", row.task],
		["Cache", row.cache ? cacheBadge(row.cache) : null],
		["Endpoint", row.path && `${row.method ?? ""} ${row.path}`.trim()],
		["Stream", row.stream === undefined ? null : yesNo(row.stream)],
		["Tokens in", isNumber(row.input_tokens) ?
			count(row.input_tokens) : null],
		["Cached", isNumber(row.cached_tokens) ?
			count(row.cached_tokens) : null],
		["Tokens out", isNumber(row.output_tokens) ?
			count(row.output_tokens) : null],
		["Usage", row.estimated === undefined ? null : row.estimated ?
			"estimated: counted here" : "stated by the provider"],
		["Client", row.peer],
	]);
}

export function showRequest(row) {
	refill(byId("request"), back(),
		h("div.request-head", null,
			h("h1", {id: "request-title", tabindex: "-1"}, "Request"),
			h("code.id", null, row.request_id ?? get().request),
			(row.outcome || row.status) && outcomeBadge(row)),
		h("div.request-grid", null,
			panel("Amounts", amounts(row)),
			panel("Time", timings(row)),
			panel("Why it went there", ...story(row), candidates(row)),
			panel("What it was", about(row))),
		attempts(row),
		h("p.sub", null, "Prompts and answers are never kept."));
}

/* Before the answer is there, or instead of it. */
export function showRequestState(title, text) {
	refill(byId("request"), back(), h("section.card.panel", null,
		h("h1", {id: "request-title", tabindex: "-1"}, title),
		h("p", null, text), h("p.sub", null,
			h("code.id", null, get().request))));
}

addEventListener("keydown", (event) => {
	const isOurs = event.key === "Escape" && get().request !== "" &&
		!event.defaultPrevented;
	if (isOurs) {
		goBack();
	}
});
