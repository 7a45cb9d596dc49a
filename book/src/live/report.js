// The kernel's report of a check: the part of grader/WIRE.md that a reader needs. The grader
// demands more of a result; a page shows the kernel's own words.

/** What the kernel tells the emulator at its end. */
const PASSED = 0x10;
const FAILED = 0x11;
const CRASHED = 0x12;

/** Sixteen hexadecimal digits, which mark the kernel's own lines. */
export function newNonce() {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    return Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * What a check came to: `passed`, `failed`, `not-available`, `crashed`, or `unclear` where the
 * report is not whole; and why, as far as the kernel says so.
 */
export function verdict(text, name, nonce, code) {
    const mark = `# folio:${nonce} `;
    const lines = text.split("\n").map(line => line.trimEnd());
    const said = kind => lines.filter(line => line.startsWith(`${mark}${kind} `)).map(line => line.slice(mark.length + kind.length + 1));
    const whole = said("begin").some(rest => rest.split(" ")[0] === name) && lines.includes(`${mark}end`);
    if (!whole) {
        return { kind: "unclear", why: "" };
    }
    if (code === CRASHED) {
        return { kind: "crashed", why: [...said("panic"), ...said("exception")].join("; ") };
    }
    const results = [
        { line: `ok 1 ${name} # folio:${nonce}`, code: PASSED, kind: "passed", why: "" },
        { line: `ok 1 ${name} # SKIP # folio:${nonce}`, code: PASSED, kind: "not-available", why: lack(said) },
        { line: `not ok 1 ${name} # folio:${nonce}`, code: FAILED, kind: "failed", why: difference(said) },
    ];
    const found = lines.filter(line => /^(not )?ok /.test(line));
    const result = results.find(it => found.length === 1 && it.line === found[0] && it.code === code);
    return result ? { kind: result.kind, why: result.why } : { kind: "unclear", why: "" };
}

function lack(said) {
    const lacks = said("lacks").join("; ");
    return lacks && `it lacks ${lacks}`;
}

function difference(said) {
    const [expected, saw] = [said("expected").join(" "), said("saw").join(" ")];
    return expected && `expected ${expected}, saw ${saw}`;
}
