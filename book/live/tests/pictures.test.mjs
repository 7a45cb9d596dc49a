// The pictures that a reader can change: used with the keyboard alone, and compared with the output of
// book/pictures-live for the same choices.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { open, reader } from "./site.mjs";

const COURSE = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const PAGES = {
    translator: "lab-02-page-tables.html",
    heap: "fragmentation.html",
    fork: "lab-07-mmap.html",
    stack: "lab-05-stacks.html",
    frames: "lab-01-frames.html",
};

let site;
before(async () => (site = await open()));
after(() => site.close());

/** What the crate shows of these choices. */
function computed(name, chosen) {
    const words = ["run", "--quiet", "--package", "pictures-live", "--features", "references", "--", name];
    const [says, , ...svg] = execFileSync("cargo", words, { cwd: COURSE, input: chosen, encoding: "utf8" }).split("\n");
    return { says, svg: svg.join("\n") };
}

/** A reader at a picture that has come to life, and what is to be seen there. */
async function at(name, options) {
    const { page, wrong, close } = await reader(site, options);
    await page.goto(site.root + PAGES[name]);
    const figure = page.locator(`#live-${name}`);
    await figure.scrollIntoViewIfNeeded();
    await page.locator(`#live-${name}[data-live]`).waitFor();
    /** The page shows what the crate computes, whatever a browser makes of the text. */
    const shows = async (chosen) => {
        const { says, svg } = computed(name, chosen);
        assert.equal(await figure.locator(".picture-says").innerText(), says);
        const texts = await figure.evaluate((figure, svg) => {
            const parsed = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
            const seen = figure.querySelector("svg.pic");
            return seen.isEqualNode(document.importNode(parsed, true)) ? null : [seen.textContent, parsed.textContent];
        }, svg);
        assert.equal(texts, null, `${name} with ${JSON.stringify(chosen)}: seen, and computed here`);
    };
    const press = async (label) => {
        await figure.getByRole("button", { name: label, exact: true }).focus();
        await page.keyboard.press("Enter");
    };
    const here = page.url();
    const end = async () => {
        assert.deepEqual(wrong, []);
        assert.equal(page.url(), here, "a key has turned the page");
        await close();
    };
    return { page, figure, shows, press, end };
}

test("an address is typed, stepped through and chosen", async () => {
    const { page, figure, shows, press, end } = await at("translator");
    await shows("");
    const address = figure.getByLabel("Address", { exact: true });
    await address.fill("0xbffffff");
    await address.press("End");
    await page.keyboard.type("c");
    await shows("address 0xBFFF_FFFC");
    await page.keyboard.press("ArrowLeft");
    await press("−4 MiB");
    assert.equal(await address.inputValue(), "0xBFBF_FFFC");
    await shows("address 0xBFBF_FFFC");
    await press("the kernel's heap");
    await shows("address 0xF800_0010");
    await address.fill("zebra <b>");
    await shows("address zebra <b>");
    await end();
});

test("a trace is chosen, stepped through, played and typed", async () => {
    const { page, figure, shows, press, end } = await at("heap");
    await shows("");
    await figure.getByLabel("Policy", { exact: true }).selectOption("best fit");
    await figure.getByLabel("Merge free neighbours", { exact: true }).focus();
    await page.keyboard.press("Space");
    await shows("fit best\nmerging off");
    await press("Back");
    await press("Back");
    await shows("fit best\nmerging off\nstep 13");
    await figure.getByLabel("Call", { exact: true }).focus();
    await page.keyboard.press("ArrowLeft");
    await shows("fit best\nmerging off\nstep 12");
    await page.keyboard.press("End");
    await press("Play");
    await figure.getByRole("button", { name: "Pause" }).waitFor();
    await press("Pause");
    const calls = figure.getByLabel("Calls", { exact: true });
    await calls.fill("a=100 b=8 -a c=40");
    await shows("fit best\nmerging off\ntrace a=100 b=8 -a c=40");
    await calls.fill("");
    await shows("fit best\nmerging off\ntrace ");
    await calls.fill("a=<i>");
    await shows("fit best\nmerging off\ntrace a=<i>");
    await end();
});

test("a process forks, both write, one exits, and it can be undone", async () => {
    const { page, shows, press, end } = await at("fork");
    await shows("");
    await press("Start over");
    await shows("events ");
    await press("the child writes to page 1");
    await shows("events ");
    await press("Fork");
    await press("the parent writes to page 2");
    await press("the parent exits");
    await shows("events fork write-parent-2 exit-parent");
    await press("the child writes to page 2");
    // The button has kept the focus.
    await page.keyboard.press("Enter");
    await shows("events fork write-parent-2 exit-parent write-child-2 write-child-2");
    for (const _ of Array(3)) await press("Undo");
    await shows("events fork write-parent-2");
    await end();
});

test("a command line is typed", async () => {
    const { figure, shows, press, end } = await at("stack");
    await shows("");
    await figure.getByLabel("Command line", { exact: true }).fill("sort -r  <names> é");
    await press("two variables");
    await shows("command sort -r <names> é\nenvironment HOME=/ TERM=vt100");
    await press("none");
    await figure.getByLabel("Command line", { exact: true }).fill("");
    await shows("command \nenvironment ");
    await end();
});

test("frames and runs are handed out and taken back", async () => {
    const { page, figure, shows, press, end } = await at("frames");
    await shows("");
    await press("Start over");
    await press("Allocate a frame");
    await figure.getByLabel("Order", { exact: true }).selectOption("3: 8 frames");
    await press("Allocate a run");
    await shows("order 3\nevents a r3");
    await figure.getByLabel("Frame", { exact: true }).fill("8");
    await press("Free the run that begins there");
    await press("Free it");
    await shows("order 3\nevents a r3 F8.3 f8");
    await press("Half of it free");
    await shows("order 3\nevents all half");
    await page.keyboard.press("ArrowRight");
    await end();
});

test("without scripts, each picture is in its first state", async () => {
    const { page, close } = await reader(site, { javaScriptEnabled: false });
    for (const [name, where] of Object.entries(PAGES)) {
        await page.goto(site.root + where);
        const figure = page.locator(`#live-${name}`);
        assert.equal(await figure.locator("button, input, select").count(), 0);
        const title = await figure.locator("svg.pic title").textContent();
        assert.ok(computed(name, "").svg.includes(`>${title}</title>`));
    }
    await close();
});
