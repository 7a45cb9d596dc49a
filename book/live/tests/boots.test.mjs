// The kernel boots in the chapters, and a reader works with it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { chapters, folder, open, reader } from "./site.mjs";

/** A machine in a browser on a busy computer needs its time; nothing is concluded from how long it takes. */
const PATIENCE = { timeout: 120_000 };

/** What the kernel says when it boots, from the first line to the last before the shell. */
const BOOT = [
    "Memory map:",
    "Lab 01, the frame allocator:",
    "Lab 02, the virtual memory manager:",
    "Lab 03, the kernel's heap:",
    "not available on this processor: SMEP",
    "Labs 04 to 07, processes and their memory:",
    "Folio's shell.",
];

let site;
before(async () => (site = await open()));
after(() => site.close());

/** What the terminal shows. Spaces there may be such as do not break. */
async function shown(page) {
    return (await page.locator(".live .xterm-rows").innerText()).replaceAll("\u00a0", " ");
}

/** Waits until the terminal shows a text that matches. */
async function until(page, pattern) {
    await page.waitForFunction(
        ([source, flags]) => {
            const text = document.querySelector(".live .xterm-rows")?.innerText ?? "";
            return new RegExp(source, flags).test(text.replaceAll("\u00a0", " "));
        },
        [pattern.source, pattern.flags],
        PATIENCE,
    );
}

/** Waits until the box says what goes on, in words that match. */
async function says(page, pattern) {
    await page.waitForFunction(
        source => new RegExp(source).test(document.querySelector(".live-status")?.textContent ?? ""),
        pattern.source,
        PATIENCE,
    );
}

/** All that the terminal has shown, by scrolling back to its beginning. */
async function scrolledBack(page) {
    await page.locator(".live-terminal").hover();
    let text = await shown(page);
    for (let tries = 0; !text.includes("Folio 0.") && tries < 100; tries += 1) {
        await page.mouse.wheel(0, -200);
        // The terminal is drawn when the page is.
        await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))));
        text = (await shown(page)) + "\n" + text;
    }
    return text;
}

/** A reader of the page in which the kernel has booted. */
async function booted(name, options) {
    const it = await reader(site, options);
    await it.page.goto(site.root + name);
    await it.page.getByRole("button", { name: "Boot the kernel" }).click();
    await until(it.page, /folio> /);
    return it;
}

for (const name of await chapters()) {
    test(`the kernel boots in ${name}, and its shell answers`, async () => {
        const { page, wrong, close } = await booted(name);
        const text = await scrolledBack(page);
        for (const line of BOOT) {
            assert.ok(text.includes(line), `${line} is not in:\n${text}`);
        }
        await page.keyboard.type("echo what was typed\n");
        await until(page, /^what was typed\s*$/m);
        await page.keyboard.type("hello\n");
        await until(page, /Hello from ring 3! I am process \d+/);
        assert.deepEqual(wrong, []);
        await close();
    });

    test(`the first check of ${name} passes there`, async () => {
        const { page, wrong, close } = await reader(site);
        await page.goto(site.root + name);
        const choice = page.getByLabel("which checks to run");
        const check = await choice.locator("option").nth(1).getAttribute("value");
        await choice.selectOption(check);
        await page.getByRole("button", { name: "Run checks" }).click();
        await says(page, /^1 passed\.$/);
        const result = page.locator(".live-results li");
        assert.match(await result.innerText(), new RegExp(`^${check} passed, with \\d+ MiB$`));
        // The result links to the chapter's explanation of the check.
        const target = await result.locator("a").getAttribute("href");
        assert.equal(await page.locator(target).count(), 1);
        assert.deepEqual(wrong, []);
        await close();
    });
}

test("the screen shows the map of memory", async () => {
    const { page, close } = await booted("lab-01-frames.html");
    const colours = () =>
        page.locator(".live-screen").evaluate(canvas => {
            const { width, height } = canvas;
            // The right part is the map. Its cells have one colour each, and the reference draws no seam between them.
            const { data } = canvas.getContext("2d").getImageData(width * 0.6, 0, width * 0.4, height);
            return new Set(new Uint32Array(data.buffer)).size;
        });
    await page.waitForFunction(() => document.querySelector(".live-screen") !== null);
    let seen = await colours();
    for (let tries = 0; seen < 6 && tries < 100; tries += 1) {
        await page.waitForTimeout(100);
        seen = await colours();
    }
    assert.ok(seen >= 6, `${seen} colours`);
    await close();
});

test("a check has its programs, also on the smallest machine", async () => {
    const { page, wrong, close } = await reader(site);
    await page.goto(site.root + "lab-04-process-heap.html");
    await page.getByLabel("which checks to run").selectOption("program-refused");
    await page.getByRole("button", { name: "Run checks" }).click();
    await says(page, /^1 passed\.$/);
    assert.match(await page.locator(".live-results li").innerText(), /with 8 MiB$/);
    assert.deepEqual(wrong, []);
    await close();
});

test("a check about what the emulator lacks is not available", async () => {
    const { page, wrong, close } = await reader(site);
    await page.goto(site.root + "lab-06-protect.html");
    await page.getByLabel("which checks to run").selectOption("smep-stops");
    await page.getByRole("button", { name: "Run checks" }).click();
    await says(page, /^1 not available in this emulator\.$/);
    assert.match(await page.locator(".live-results li").innerText(), /^smep-stops not available in this emulator: it lacks SMEP$/);
    assert.deepEqual(wrong, []);
    await close();
});

test("a machine can be stopped, and another one booted", async () => {
    const { page, wrong, close } = await booted("lab-02-page-tables.html");
    await page.getByRole("button", { name: "Stop" }).click();
    await says(page, /^Stopped\.$/);
    await page.getByRole("button", { name: "Boot the kernel" }).click();
    await says(page, /^The kernel runs\./);
    await page.keyboard.type("exit\n");
    await says(page, /^The machine has ended\.$/);
    assert.deepEqual(wrong, []);
    await close();
});

test("the keyboard is enough", async () => {
    const { page, wrong, close } = await reader(site);
    await page.goto(site.root + "lab-01-frames.html");
    const button = page.getByRole("button", { name: "Boot the kernel" });
    await button.focus();
    await page.keyboard.press("Enter");
    await until(page, /folio> /);
    // While the terminal has the focus, the page's own keys, which turn pages and open the search, have no effect.
    for (const key of ["ArrowLeft", "ArrowRight", "s", "?"]) {
        await page.keyboard.press(key);
    }
    await until(page, /folio> s\?/);
    assert.match(page.url(), /lab-01-frames\.html$/);
    const inside = () => page.evaluate(() => document.activeElement.closest(".live-terminal") !== null);
    assert.ok(await inside());
    await page.keyboard.press("Tab");
    assert.ok(!(await inside()), "Tab leaves the terminal");
    assert.deepEqual(wrong, []);
    await close();
});

test("a copy of the book without the kernel says so", async () => {
    const { page, close } = await reader(site);
    await page.route("**/live/built/**", route => route.fulfill({ status: 404 }));
    await page.goto(site.root + "lab-01-frames.html");
    await page.getByRole("button", { name: "Boot the kernel" }).click();
    await says(page, /cargo grade book builds it with one; cargo grade run 01 boots/);
    // The page looks for it again the next time.
    await page.unroute("**/live/built/**");
    await page.getByRole("button", { name: "Boot the kernel" }).click();
    await until(page, /folio> /);
    await close();
});

test("a book that is opened as a file says how to open it", async () => {
    const { page, close } = await reader(site);
    await page.goto(pathToFileURL(path.join(folder, "lab-01-frames.html")).href);
    await page.getByRole("button", { name: "Boot the kernel" }).click();
    await says(page, /cargo grade book --open/);
    await close();
});

const READERS = {
    "light, on a desk": { colorScheme: "light" },
    "dark, on a desk": { colorScheme: "dark" },
    "light, on a phone": { colorScheme: "light", viewport: { width: 360, height: 900 } },
    "dark, on a phone": { colorScheme: "dark", viewport: { width: 360, height: 900 } },
};

for (const [who, options] of Object.entries(READERS)) {
    test(`a machine that runs is no wider than the page: ${who}`, async () => {
        const { page, wrong, close } = await booted("lab-01-frames.html", options);
        const [scrolls, width] = await page.evaluate(() => {
            const { scrollWidth, clientWidth } = document.documentElement;
            return [scrollWidth, clientWidth];
        });
        assert.ok(scrolls <= width, `${scrolls} pixels of ${width}`);
        await picture(page, who);
        assert.deepEqual(wrong, []);
        await close();
    });
}

/** For a person to look at, if there is a folder for it. */
async function picture(page, name) {
    if (process.env.FOLIO_PICTURES) {
        await page.evaluate(() => document.querySelector(".live").scrollIntoView());
        await page.screenshot({ path: path.join(process.env.FOLIO_PICTURES, `${name.replaceAll(/\W+/g, "-")}.png`) });
    }
}
