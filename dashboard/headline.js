// headline.js -- what was saved and why, in one card; then four figures.
// SPDX-License-Identifier: Apache-2.0
import {byId, h, refill, setHidden, setText} from "./dom.js";
import {DASH, columnPlaces, count, day, duration, exactMoney, minute, money,
	percent, plural, short} from "./format.js";
import {DIMENSIONS, RANGES, get, isFixed, set} from "./state.js";

/* Shows <text>, and the exact <value> to whoever points or reads by program. */
function figure(name, text, value, title) {
	const element = document.querySelector(`[data-metric="${name}"]`);
	setText(element, text);
	element.dataset.value = value ?? "";
	element.title = title ?? "";
	return element;
}

function amount(name, nano) {
	const element = figure(name, money(nano), nano, exactMoney(nano));
	element.classList.toggle("is-loss", nano < 0n);
	element.classList.toggle("is-gain", nano > 0n);
	element.classList.toggle("is-long", element.textContent.length > 9);
	element.classList.toggle("is-longest", element.textContent.length > 13);
}

/* "in the last 24 hours", or "from 3 Nov 10:00 to 11:00". */
function whenInWords(overview) {
	if (!isFixed()) {
		const range = RANGES.find(([name]) => name === get().range);
		return `in the last ${range?.[2] ?? get().range}`;
	}
	const [from, to] = [new Date(overview.since), new Date(overview.until)];
	const isSameDay = from.toDateString() === to.toDateString();
	return `from ${day(from)} ${minute(from)} to ${
		isSameDay ? "" : `${day(to)} `}${minute(to)}`;
}

// --- from baseline to spend ---------------------------------------------------

/* One step down (or up): its bar from <from> to <to> of <scale>. */
function step({label, why, nano, shown, share, kind, from, to}, scale) {
	const bar = h(`span.bar.bar-${kind}`);
	const [low, high] = from < to ? [from, to] : [to, from];
	const place = (value) => (scale > 0n ?
		Math.max(0, Math.min(100, Number(value * 100000n / scale) / 1000)) : 0);
	bar.style.left = `${place(low)}%`;
	bar.style.width = `${place(high) - place(low)}%`;
	return h(`li.step.step-${kind}`, null,
		h("span.step-label", null, label, why && h("small", null, why)),
		h("span.track", {"aria-hidden": "true"}, bar),
		h("span.step-amount", {title: exactMoney(nano)}, shown),
		h("span.step-share", null, share ?? ""));
}

function steps(overview) {
	const {total, saved_by: by} = overview;
	const [base, routing, cache] = [total.baseline_nano_usd, by.routing,
		by.cache];
	const middle = base - routing;
	const end = middle - cache;
	const places = columnPlaces([base, routing, cache,
		total.cost_nano_usd], 3);
	const less = (nano) => `${nano < 0n ? "+" : ""}${money(-nano, places)}`;
	const kindOf = (nano, usual) => (nano < 0n ? "loss" :
		nano === 0n ? "none" : usual);
	const share = (nano) => percent(nano, base);
	return [
		{label: "Baseline", nano: base, shown: money(base, places), from: 0n, to: base,
			why: `all by ${overview.baseline || "the baseline's model"}`,
			kind: "base", share: base ? "100%" : null},
		{label: routing < 0n ? "Dearer models" : "Cheaper models",
			why: "by routing", nano: routing,
			shown: less(routing), from: middle, to: base,
			kind: kindOf(routing, "route"), share: share(-routing)},
		{label: "Cache", why: plural(total.cache_hits, "hit"), nano: cache,
			shown: less(cache), from: end, to: middle,
			kind: kindOf(cache, "cache"), share: share(-cache)},
		{label: "Spend", nano: total.cost_nano_usd, kind: "spend", from: 0n,
			shown: money(total.cost_nano_usd, places), to: total.cost_nano_usd,
			why: "what is billed", share: share(total.cost_nano_usd)},
	];
}

function fall(overview) {
	const all = steps(overview);
	const scale = all.flatMap(({from, to}) => [from, to])
		.reduce((a, b) => (a > b ? a : b), 0n);
	refill(byId("fall"), h("ol.steps", {"aria-label":
		"From the baseline to what was spent"},
	all.map((one) => step(one, scale))));
}

function why({total, baseline}) {
	const {baseline_nano_usd: base, saved_nano_usd: saved} = total;
	const other = `${baseline || "the baseline"} alone`;
	if (base === 0n) {
		return total.requests === 0 ? "Nothing to compare yet." :
			"None of these requests has a baseline with a price.";
	}
	if (saved < 0n) {
		return `${percent(-saved, base)} more than ${other} would have cost`;
	}
	return `${percent(saved, base) ?? "0%"} of what ${other} would have cost`;
}

// --- nothing yet --------------------------------------------------------------

function curl(about) {
	const [, host, port] = /^(.*):(\d+)$/.exec(about.listen) ?? [];
	const isAny = !host || /^(0\.0\.0\.0|\[::\]|\*)$/.test(host);
	const where = isAny ? `${location.hostname}:${port}` : `${host}:${port}`;
	return [`curl ${about.tls ? "https" : "http"}://${where}/v1/chat/completions \\`,
		"  -H 'authorization: Bearer YOUR-SLUICE-KEY' \\",
		"  -H 'content-type: application/json' \\",
		`  -d '{"model": "auto", "messages":`,
		`       [{"role": "user", "content": "Hello"}]}'`].join("\n");
}

function nothing(overview, about) {
	const isFiltered = DIMENSIONS.some((name) => get()[name] !== "");
	const clear = Object.fromEntries(DIMENSIONS.map((name) => [name, ""]));
	if (isFiltered) {
		return [h("h2", null, "No request matches these filters"),
			h("p", null, `Nothing ${whenInWords(overview)}.`),
			h("button.quiet", {type: "button", "data-focus": "clear",
				onclick: () => set(clear)}, "Clear the filters")];
	}
	const title = h("h2", null, `No request ${whenInWords(overview)}`);
	if (!about) {
		return [title];  // never an address that was only guessed
	}
	return [title,
		h("p", null, "Send the first one; it shows here a second later:"),
		h("pre", {tabindex: "0"}, h("code", null, curl(about)))];
}

// --- the rest -----------------------------------------------------------------

const NOTES = [
	["unpriced", "answer has no price", "answers have no price",
		"their model has none in the configuration; " +
		"neither spend nor savings count them."],
	["estimated", "answer is estimated", "answers are estimated",
		"the provider stated no usage, so the tokens were counted here."],
	["unknown", "attempt ended unknown", "attempts ended unknown",
		"the gateway stopped before their end was on record; " +
		"the provider may have billed them."],
	["escalated", "answer was escalated", "answers were escalated",
		"a model in this gateway was unsure before the client saw a byte, " +
		"so another was asked; both are paid for."],
];

function notes({total}) {
	const found = NOTES.filter(([name]) => total[name] > 0);
	setHidden(byId("notes"), found.length === 0);
	refill(byId("notes"), found.map(([name, one, many, meaning]) =>
		h(`li.note.note-${name}`, null, h("strong", {"data-note": name,
			"data-value": total[name]}, plural(total[name], one, many)),
		`: ${meaning}`)));
}

function figures({total}) {
	const rate = percent(total.errors, total.requests);
	figure("requests", count(total.requests), total.requests);
	figure("cache_hits", count(total.cache_hits), total.cache_hits);
	figure("error_rate", rate ?? DASH, total.error_rate)
		.classList.toggle("is-loss", total.errors > 0);
	figure("first_token_p50", duration(total.first_token_p50_ms),
		total.first_token_p50_ms);
	const input = total.input_tokens + total.cached_tokens;
	setText(byId("requests-sub"), total.requests === 0 ? "none yet" :
		`${short(input)} tokens in, ${short(total.output_tokens)} out`);
	setText(byId("hits-sub"), total.requests === 0 ? "none yet" :
		`${percent(total.cache_hits, total.requests)} of requests`);
	setText(byId("errors-sub"), total.requests === 0 ? "none yet" :
		`${count(total.errors)} of ${plural(total.requests, "request")}`);
	const late = total.first_token_p95_ms;
	refill(byId("first-sub"), late === null ? h("span", null, "not measured") :
		h("span", null, "median; 95% within ", h("strong",
			{"data-metric": "first_token_p95", "data-value": late},
			duration(late))));
}

/* <about>: what /api/summary tells, or null. */
export function showHeadline(overview, about) {
	const {total} = overview;
	const isEmpty = total.requests === 0;
	setText(byId("saved-label"), `Saved ${whenInWords(overview)}`);
	amount("saved", total.saved_nano_usd);
	amount("cost", total.cost_nano_usd);
	amount("baseline", total.baseline_nano_usd);
	setText(byId("saved-why"), why(overview));
	figures(overview);
	notes(overview);
	setHidden(byId("fall"), isEmpty);
	setHidden(byId("empty"), !isEmpty);
	if (isEmpty) {
		refill(byId("empty"), nothing(overview, about));
	} else {
		fall(overview);
	}
}
