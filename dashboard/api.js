// api.js -- asks the gateway, and keeps amounts exact.
// SPDX-License-Identifier: Apache-2.0

const AMOUNTS = ["cost_nano_usd", "baseline_nano_usd", "saved_nano_usd",
	"routing", "cache"];

/*
 * JSON.parse rounds integers past 2^53, and nine million dollars are more
 * nano-dollars than that. So amounts are put into quotes first; a text cannot
 * hold what is looked for, its quotes stand behind backslashes.
 */
const AMOUNT = new RegExp(`("(?:${AMOUNTS.join("|")})":\\s*)(-?\\d+)`, "g");

export function parse(text) {
	return JSON.parse(text.replace(AMOUNT, '$1"$2"'), (name, value) =>
		(AMOUNTS.includes(name) && typeof value === "string" &&
			/^-?\d+$/.test(value) ? BigInt(value) : value));
}

/* What went wrong: status 0 when nobody answered. */
export class ApiError extends Error {
	constructor(status, message, param) {
		super(message);
		this.status = status;
		this.param = param;
	}

	/* It will pass by itself: asked again without a word. */
	get isBusy() {
		return this.status === 429 || this.status === 503;
	}
}

async function refusal(answer) {
	let message = `The gateway answered ${answer.status}.`;
	let param = null;
	try {
		const {error} = await answer.json();
		message = error.message || message;
		param = error.param ?? null;
	} catch {
		// Not from the gateway: its number is all there is to say.
	}
	return new ApiError(answer.status, message, param);
}

/* GET <path>?<query>: its JSON, amounts as BigInt; throws ApiError. */
export async function ask(path, query, signal) {
	const words = query?.toString();
	let answer;
	let text;
	try {
		answer = await fetch(words ? `${path}?${words}` : path,
			{signal, headers: {accept: "application/json"}});
		if (!answer.ok) {
			throw await refusal(answer);
		}
		text = await answer.text();
	} catch (error) {
		if (error instanceof ApiError || error.name === "AbortError") {
			throw error;
		}
		throw new ApiError(0, "The gateway does not answer.", null);
	}
	try {
		return parse(text);
	} catch {
		throw new ApiError(answer.status,
			"The gateway's answer could not be read.", null);
	}
}
