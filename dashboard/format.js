// format.js -- numbers, amounts and times as a person reads them.
// SPDX-License-Identifier: Apache-2.0
// Amounts are BigInt nano-dollars: a sum over 90 days may be past 2^53.

const NANO = 10n ** 9n;

export const DASH = "–";

const abs = (value) => (value < 0n ? -value : value);

/* Digits behind the point that show three that count: 2 for $1 and more. */
export function placesOf(nano) {
	const size = abs(nano);
	if (size === 0n) {
		return 2;
	}
	if (size >= NANO) {
		return size >= 100000n * NANO ? 0 : 2;
	}
	return Math.min(9, 12 - size.toString().length);
}

/* <nano> with <places> digits behind the point, rounded half up, no sign. */
function decimal(nano, places) {
	const scale = 10n ** BigInt(places);
	const scaled = (abs(nano) * scale * 2n + NANO) / (NANO * 2n);
	const whole = (scaled / scale).toString()
		.replace(/\B(?=(\d{3})+$)/g, ",");
	const part = (scaled % scale).toString().padStart(places, "0");
	return places > 0 ? `${whole}.${part}` : whole;
}

/*
 * "$1,234.50", "$0.0123", "$0.000012", "−$3.10"; null is an amount that is not
 * known. <places>: as many digits as the rest of a column has.
 */
export function money(nano, places) {
	if (nano === null || nano === undefined) {
		return "unpriced";
	}
	// None at all is not a small amount: it needs no digits to say so.
	const isNone = nano === 0n && places !== undefined;
	let text = decimal(nano, isNone ? 0 : places ?? placesOf(nano));
	if (places === undefined) {
		text = text.replace(/(\.\d\d\d*?)0+$/, "$1");
	}
	return `${nano < 0n ? "−" : ""}$${text}`;
}

/* To the last nano-dollar, for titles. */
export function exactMoney(nano) {
	if (nano === null || nano === undefined) {
		return "unpriced: the model has no price";
	}
	const text = decimal(nano, 9).replace(/(\.\d\d\d*?)0+$/, "$1");
	return `${nano < 0n ? "−" : ""}$${text}`;
}

/*
 * Digits for a column, so that its points stand below each other: at least
 * <digits> (2 or 3) that count in each. Undefined, each its own, where amounts
 * are too far apart for that.
 */
export function columnPlaces(amounts, digits = 2) {
	const sizes = amounts.filter((one) => one !== null && one !== undefined &&
		one !== 0n).map(abs);
	if (sizes.length === 0) {
		return 2;
	}
	const least = sizes.reduce((a, b) => (a < b ? a : b));
	const most = sizes.reduce((a, b) => (a > b ? a : b));
	if (most / least >= 100000n) {
		return undefined;
	}
	return Math.max(2, Math.min(9,
		placesOf(least) - (least < NANO ? 3 - digits : 0)));
}

export const dollars = (nano) => (nano === null ? null : Number(nano) / 1e9);

/* Dollars on an axis: no more digits than its steps need. */
export function moneyTick(value) {
	const size = Math.abs(value);
	const sign = value < 0 ? "−" : "";
	if (size === 0) {
		return "$0";
	}
	if (size >= 1e6) {
		return `${sign}$${trim((size / 1e6).toPrecision(3))}M`;
	}
	if (size >= 1e4) {
		return `${sign}$${trim((size / 1e3).toPrecision(3))}k`;
	}
	if (size >= 1) {
		return `${sign}$${trim(size.toFixed(2)).replace(
			/\B(?=(\d{3})+(?!\d))/, ",")}`;
	}
	const places = Math.min(9, 1 - Math.floor(Math.log10(size)));
	return `${sign}$${trim(size.toFixed(places))}`;
}

const trim = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

const whole = new Intl.NumberFormat("en-US", {maximumFractionDigits: 0});

export const count = (value) =>
	(value === null || value === undefined ? DASH : whole.format(value));

/* "1,234", "45.6k", "7.89M": for axes and tokens. */
export function short(value) {
	if (value === null || value === undefined) {
		return DASH;
	}
	for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"],
		[1e4, "k"]]) {
		if (Math.abs(value) >= size) {
			const scaled = value / (unit === "k" ? 1e3 : size);
			return trim(scaled.toPrecision(3)) + unit;
		}
	}
	return whole.format(value);
}

/* A share in percent; null where there is no whole. Never rounds to all or
 * nothing what is not. */
export function percent(part, all) {
	if (!all) {
		return null;
	}
	const value = (100 * Number(part)) / Number(all);
	const size = Math.abs(value);
	const sign = value < 0 ? "−" : "";
	if (size === 0) {
		return "0%";
	}
	if (size < 0.01) {
		return `${sign}<0.01%`;
	}
	if (size > 99.9 && size < 100) {
		return `${sign}>99.9%`;
	}
	const places = size < 1 ? 2 : size < 1000 && size !== 100 ? 1 : 0;
	return `${sign}${trim(size.toFixed(places)).replace(
		/\B(?=(\d{3})+(?!\d))/g, ",")}%`;
}

/* Milliseconds as "3.2 ms", "312 ms", "1.42 s", "2 min 05 s". */
export function duration(ms) {
	if (ms === null || ms === undefined) {
		return DASH;
	}
	if (ms < 10) {
		return `${trim(ms.toFixed(ms < 1 ? 2 : 1))} ms`;
	}
	if (ms < 1000) {
		return `${Math.round(ms)} ms`;
	}
	if (ms < 120000) {
		return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
	}
	const seconds = Math.round(ms / 1000);
	return `${Math.floor(seconds / 60)} min ${String(seconds % 60)
		.padStart(2, "0")} s`;
}

/* The same on an axis: without digits that its steps do not have. */
export const durationTick = (ms) => (ms === 0 ? "0" :
	duration(ms).replace(/\.0+(?= )/, "").replace(/(\.\d)0(?= )/, "$1"));

export const plural = (n, one, many) =>
	`${count(n)} ${n === 1 ? one : many ?? one + "s"}`;

// --- times -------------------------------------------------------------------

const formats = new Map();

function told(date, options) {
	const key = JSON.stringify(options);
	if (!formats.has(key)) {
		formats.set(key, new Intl.DateTimeFormat("en-GB", options));
	}
	return formats.get(key).format(date);
}

const TIME = {hour: "2-digit", minute: "2-digit"};
const DAY = {day: "numeric", month: "short"};

export const clock = (date) => told(date, {...TIME, second: "2-digit"});
export const day = (date) => told(date, DAY);
export const minute = (date) => told(date, TIME);
export const stamp = (date) => told(date, {...DAY, year: "numeric", ...TIME,
	second: "2-digit"});

/* A bucket's time, as long as it must be for its step (in seconds). */
export function bucket(date, step) {
	if (step >= 86400) {
		return told(date, {weekday: "short", ...DAY});
	}
	return told(date, {...DAY, ...TIME});
}

/* "15 minutes", "1 hour", "1 day" of seconds. */
export function step(seconds) {
	const [size, unit] = [[86400, "day"], [3600, "hour"], [60, "minute"]]
		.find(([one]) => seconds % one === 0) ?? [1, "second"];
	return plural(seconds / size, unit);
}
