// How a page shows the kernel's reports.

import assert from "node:assert/strict";
import { test } from "node:test";

import { newNonce, verdict } from "../../src/live/report.js";

const NONCE = "0123456789abcdef";
const [OK, NOT_OK, CRASH] = [0x10, 0x11, 0x12];

/** A report with these lines between its first and its last. */
function report(...lines) {
    return ["KTAP version 1", "1..1", `# folio:${NONCE} begin a-check seed=1 memory_kib=16256`, ...lines, `# folio:${NONCE} end`, ""].join("\n");
}

const read = (text, code) => verdict(text, "a-check", NONCE, code);

test("a check passes, fails, or is not available", () => {
    assert.deepEqual(read(report(`ok 1 a-check # folio:${NONCE}`), OK), { kind: "passed", why: "" });
    const failed = report(`# folio:${NONCE} expected 42 things`, `# folio:${NONCE} saw 41`, `not ok 1 a-check # folio:${NONCE}`);
    assert.deepEqual(read(failed, NOT_OK), { kind: "failed", why: "expected 42 things, saw 41" });
    const skipped = report(`# folio:${NONCE} lacks SMEP`, `ok 1 a-check # SKIP # folio:${NONCE}`);
    assert.deepEqual(read(skipped, OK), { kind: "not-available", why: "it lacks SMEP" });
});

test("a crash is told with what the kernel says of it", () => {
    const crash = report(`# folio:${NONCE} crash panic`, `# folio:${NONCE} panic src/bitmap.rs:1:2 not yet`);
    assert.deepEqual(read(crash, CRASH), { kind: "crashed", why: "src/bitmap.rs:1:2 not yet" });
});

test("what is logged is no result, and a result that does not fit is none", () => {
    for (const [text, code] of [
        [report(`# log: ok 1 a-check # folio:${NONCE}`), OK],
        [report(`ok 1 a-check # folio:${NONCE}`), NOT_OK],
        [report(`not ok 1 a-check # folio:${NONCE}`), OK],
        [report("ok 1 a-check # folio:fedcba9876543210"), OK],
        [report(`ok 1 another # folio:${NONCE}`), OK],
        [report(`ok 1 a-check # folio:${NONCE}`, `not ok 1 a-check # folio:${NONCE}`), OK],
        [`# folio:${NONCE} begin a-check seed=1\nok 1 a-check # folio:${NONCE}\n`, OK],
        ["", OK],
    ]) {
        assert.equal(read(text, code).kind, "unclear", text);
    }
});

test("a nonce is sixteen digits, and never the same", () => {
    assert.match(newNonce(), /^[0-9a-f]{16}$/);
    assert.notEqual(newNonce(), newNonce());
});
