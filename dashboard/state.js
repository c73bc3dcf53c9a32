// state.js -- what is looked at, which is what the URL says.
// SPDX-License-Identifier: Apache-2.0
// Everything that a person chooses stands in the query, so that a link shows
// another person the same, and the back button goes back.

export const RANGES = [
	["15m", "15 min", "15 minutes"], ["1h", "1 h", "hour"],
	["6h", "6 h", "6 hours"], ["24h", "24 h", "24 hours"],
	["7d", "7 d", "7 days"], ["30d", "30 d", "30 days"],
	["90d", "90 d", "90 days"],
];
export const DIMENSIONS = ["model", "rule", "key", "task"];

const DEFAULTS = {
	range: "24h", since: "", until: "",
	model: "", rule: "", key: "", task: "",
	by: "model", sort: "cost_nano_usd", dir: "desc",
	curve: "each", request: "",
};
const ALLOWED = {
	by: DIMENSIONS,
	dir: ["asc", "desc"],
	curve: ["each", "running"],
};

const listeners = [];
let current = parse(location.search);

function parse(search) {
	const query = new URLSearchParams(search);
	const state = {...DEFAULTS};
	for (const name of Object.keys(DEFAULTS)) {
		const value = query.get(name);
		const isKnown = value !== null &&
			(!ALLOWED[name] || ALLOWED[name].includes(value));
		if (isKnown) {
			state[name] = value;
		}
	}
	return state;
}

/* The query of <state>, with what is not as usual; "" when all is. */
export function toQuery(state) {
	const query = new URLSearchParams();
	for (const [name, usual] of Object.entries(DEFAULTS)) {
		if (state[name] !== usual) {
			query.set(name, state[name]);
		}
	}
	const text = query.toString();
	return text ? `?${text}` : "/";
}

export const get = () => current;
export const isFixed = () => current.since !== "" || current.until !== "";

/* The address of the present view with some changes, for links. */
export const linkTo = (changes) => toQuery({...current, ...changes});

/* Changes the view; <replace> leaves no step for the back button. */
export function set(changes, replace = false) {
	const next = {...current, ...changes};
	const query = toQuery(next);
	if (query === toQuery(current)) {
		return;
	}
	const before = current;
	current = next;
	history[replace ? "replaceState" : "pushState"](null, "", query);
	tell(before);
}

/* As the page is without a query. */
export const setDefaults = () => set(DEFAULTS);

/* <fn>(state, before) after each change. */
export const onChange = (fn) => listeners.push(fn);

function tell(before) {
	for (const fn of listeners) {
		fn(current, before);
	}
}

addEventListener("popstate", () => {
	const before = current;
	current = parse(location.search);
	tell(before);
});

/* What every request to /api/ carries of it. */
export function scope() {
	const {range, since, until, ...rest} = current;
	const query = new URLSearchParams();
	if (isFixed()) {
		for (const [name, value] of [["since", since], ["until", until]]) {
			if (value) {
				query.set(name, value);
			}
		}
	} else {
		query.set("range", range);
	}
	for (const name of DIMENSIONS) {
		if (rest[name] !== "") {
			query.set(name, rest[name]);
		}
	}
	return query;
}
