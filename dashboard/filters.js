// filters.js -- the time range, and which key, model, rule and task.
// SPDX-License-Identifier: Apache-2.0
import {byId, h, refill} from "./dom.js";
import {DIMENSIONS, RANGES, get, isFixed, set} from "./state.js";

const LISTS = {model: "models", rule: "rules", key: "keys", task: "tasks"};
let names = {models: [], rules: [], keys: [], tasks: []};

export function showRanges() {
	const {range} = get();
	refill(byId("ranges"), RANGES.map(([name, label, long]) =>
		h("button", {type: "button", "data-focus": name, "data-range": name,
			"aria-pressed": String(!isFixed() && range === name),
			"aria-label": `the last ${long}`,
			onclick: () => set({range: name, since: "", until: ""})},
		label)));
}

function choice(dimension) {
	const chosen = get()[dimension];
	const known = names[LISTS[dimension]];
	const all = chosen === "" || known.includes(chosen) ? known :
		[chosen, ...known];
	const select = h("select", {id: `filter-${dimension}`,
		"data-focus": dimension,
		onchange: (event) => set({[dimension]: event.target.value})},
	h("option", {value: ""}, `all ${LISTS[dimension]}`),
	all.map((name) => h("option", {value: name}, name)));
	select.value = chosen;
	return h(`label.filter${chosen ? ".is-set" : ""}`, null,
		h("span", null, dimension), select);
}

/* <found>: the names of an overview, or null to keep those there. */
export function showFilters(found) {
	names = found ?? names;
	const isSet = DIMENSIONS.some((name) => get()[name] !== "");
	const clear = Object.fromEntries(DIMENSIONS.map((name) => [name, ""]));
	// A list that somebody has open is left alone; it is right again after.
	if (found && document.activeElement?.closest("#filters select")) {
		return;
	}
	refill(byId("filters"), DIMENSIONS.map(choice),
		h("button.quiet", {type: "button", "data-focus": "clear",
			disabled: !isSet && !isFixed(),
			onclick: () => set({...clear, since: "", until: ""})}, "Clear"));
}

byId("filters").addEventListener("submit", (event) => event.preventDefault());
