// page.js -- asks for what is looked at, again and again, and shows it.
// SPDX-License-Identifier: Apache-2.0
import {ApiError, ask} from "./api.js";
import {showCharts} from "./charts.js";
import {byId, h, refill, setHidden, setText} from "./dom.js";
import {showFilters, showRanges} from "./filters.js";
import {clock, duration} from "./format.js";
import {showHeadline} from "./headline.js";
import {LIMIT, showLatest, showLatestState} from "./latest.js";
import {showRequest, showRequestState} from "./request.js";
import {DIMENSIONS, get, onChange, scope, set, setDefaults} from "./state.js";
import {showBreakdown, showTabs} from "./tables.js";

const LATEST_MS = 3000;
const RETRY_MS = 5000;

/* Short times move while one looks; days do not. */
function pause() {
	const {range, since, until} = get();
	if (since || until) {
		return 60000;
	}
	return {"15m": 5000, "1h": 5000, "6h": 15000, "24h": 15000}[range] ?? 60000;
}

let about = null;    // what /api/summary tells
let overview = null; // the last that came
let isPaused = false;

// --- how it goes ----------------------------------------------------------------

let away = null; // since when nobody answers
let busy = 0;    // refusals in a row for being asked too much

function banner(kind, ...children) {
	const element = byId("banner");
	setHidden(element, children.length === 0);
	element.className = `banner banner-${kind}`;
	refill(element, children);
}

function showState(kind, text) {
	byId("state").dataset.state = kind;
	setText(byId("state-text"), text);
}

function succeeded() {
	away = null;
	busy = 0;
	banner("none");
	const asOf = overview.as_of ? new Date(overview.as_of) : null;
	const isBehind = overview.lag_s > 30;
	showState(isBehind ? "late" : "live", isBehind ?
		`${duration(overview.lag_s * 1000)} behind` :
		asOf ? `live, as of ${clock(asOf)}` : "live");
}

function failed(error) {
	if (error.isBusy && busy < 3) {
		busy++;
		return;
	}
	const isTold = error.status >= 400 && error.status < 500 && !error.isBusy;
	if (isTold) {
		const clear = Object.fromEntries(DIMENSIONS.map((one) => [one, ""]));
		showState("bad", "not shown");
		byId("overview").ariaBusy = "false";
		banner("bad", h("strong", null, "The gateway refuses this view: "),
			error.message, " ", h("button.quiet", {type: "button",
				"data-focus": "reset", onclick: () => set({...clear,
					range: "24h", since: "", until: ""})}, "Start over"));
		return;
	}
	away ??= new Date();
	showState("bad", `no answer since ${clock(away)}`);
	banner("bad", h("strong", null, `${error.message} `), overview ?
		`The figures are from before ${clock(away)}; asking again every ${
			RETRY_MS / 1000} seconds.` :
		`Asking again every ${RETRY_MS / 1000} seconds.`);
}

// --- a thing that is asked for again and again ------------------------------------

/*
 * Calls <run>(signal) now and then: stopped while the tab is hidden, begun anew
 * when the view changes, never twice at a time. <run> returns the milliseconds
 * to the next time, or null for none.
 */
class Watch {
	constructor(run) {
		this.run = run;
		this.timer = 0;
		this.controller = null;
	}

	stop() {
		clearTimeout(this.timer);
		this.controller?.abort();
		this.controller = null;
	}

	async restart() {
		this.stop();
		if (document.hidden) {
			return;
		}
		const controller = new AbortController();
		let next = RETRY_MS;
		this.controller = controller;
		try {
			next = await this.run(controller.signal);
		} catch (error) {
			if (error.name === "AbortError" || controller.signal.aborted) {
				return;
			}
			if (!(error instanceof ApiError)) {
				throw error;
			}
			failed(error);
		}
		if (this.controller === controller && next !== null) {
			this.timer = setTimeout(() => this.restart(), next);
		}
	}
}

const figures = new Watch(async (signal) => {
	const query = scope();
	const parts = scope();
	parts.set("by", get().by);
	// One after the other: the gateway reads for a few at a time only.
	const next = await ask("/api/overview", query, signal);
	const rows = await ask("/api/breakdown", parts, signal);
	overview = next;
	showFilters(overview.names);
	showHeadline(overview, about);
	showCharts(overview);
	showBreakdown(rows);
	byId("overview").dataset.loaded = "";
	byId("overview").ariaBusy = "false";
	succeeded();
	return pause();
});

const latest = new Watch(async (signal) => {
	const query = new URLSearchParams({limit: LIMIT});
	for (const name of DIMENSIONS) {
		if (get()[name] !== "") {
			query.set(name, get()[name]);
		}
	}
	const csv = new URLSearchParams(query);
	csv.set("format", "csv");
	byId("latest-csv").href = `/api/requests?${csv}`;
	showLatest((await ask("/api/requests", query, signal)).requests);
	showLatestState(isPaused ? "paused" : `every ${LATEST_MS / 1000} seconds`);
	return isPaused ? null : LATEST_MS;
});

const single = new Watch(async (signal) => {
	const id = get().request;
	try {
		showRequest(await ask(`/api/requests/${encodeURIComponent(id)}`, null,
			signal));
		away = null;
		banner("none");
		showState("live", `as of ${clock(new Date())}`);
		byId("request").dataset.loaded = id;
	} catch (error) {
		if (!(error instanceof ApiError) || error.status === 0) {
			throw error;
		}
		showRequestState("This request cannot be shown", error.message);
	}
	return null;
});

// --- what is shown ------------------------------------------------------------------

let place = 0; // where the overview was scrolled to
let opener = ""; // the request that was opened last

function showView(state, before) {
	const isRequest = state.request !== "";
	const wasRequest = Boolean(before) && before.request !== "";
	if (isRequest && !wasRequest) {
		place = scrollY;
	}
	setHidden(byId("overview"), isRequest);
	setHidden(byId("request"), !isRequest);
	setHidden(byId("ranges"), isRequest);
	document.title = isRequest ? "Sluice: one request" :
		"Sluice: spend and savings";
	if (isRequest) {
		opener = state.request;
		showRequestState("Request", "Asking for it.");
		scrollTo(0, 0);
		byId("main").focus({preventScroll: true});
	} else if (wasRequest) {
		scrollTo(0, place);
		document.querySelector(`[data-request="${CSS.escape(opener)}"]`)
			?.focus({preventScroll: true});
	}
}

/* Only order or curve differ: what is there is shown anew, nothing asked. */
function isSameData(state, before) {
	const {sort, dir, curve, ...rest} = state;
	return JSON.stringify(rest) ===
		JSON.stringify((({sort: s, dir: d, curve: c, ...others}) =>
			others)(before));
}

function render(state, before) {
	if (before && isSameData(state, before)) {
		showBreakdown();
		if (overview) {
			showCharts(overview);
		}
		return;
	}
	showView(state, before);
	showRanges();
	showFilters(null);
	showTabs();
	if (state.request !== "") {
		figures.stop();
		latest.stop();
		single.restart();
	} else {
		single.stop();
		byId("overview").ariaBusy = "true";
		figures.restart();
		latest.restart();
	}
}

function everything() {
	if (get().request !== "") {
		single.restart();
	} else {
		figures.restart();
		latest.restart();
	}
}

byId("pause").addEventListener("click", (event) => {
	isPaused = !isPaused;
	event.target.setAttribute("aria-pressed", String(isPaused));
	setText(event.target, isPaused ? "Go on" : "Pause");
	if (isPaused) {
		latest.stop();
		showLatestState("paused");
	} else {
		latest.restart();
	}
});

document.addEventListener("visibilitychange", () => {
	if (document.hidden) {
		for (const one of [figures, latest, single]) {
			one.stop();
		}
	} else {
		everything();
	}
});

document.querySelector("[data-home]").addEventListener("click", (event) => {
	if (event.button === 0 && !event.metaKey && !event.ctrlKey) {
		event.preventDefault();
		setDefaults();
	}
});

async function introduce() {
	try {
		about = await ask("/api/summary");
		setText(byId("about"), `Sluice ${about.version}, policy ${
			about.policy}, configuration ${about.generation}.`);
		if (overview && overview.total.requests === 0) {
			showHeadline(overview, about);
		}
	} catch (error) {
		if (!(error instanceof ApiError)) {
			throw error;
		}
	}
}

onChange(render);
render(get());
introduce();
