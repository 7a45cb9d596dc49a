// Every page, with each theme and width, with and without scripts.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { chapters, open, pages, reader } from "./site.mjs";

let site;
before(async () => (site = await open()));
after(() => site.close());

const READERS = {
    "light, on a desk": { colorScheme: "light" },
    "dark, on a desk": { colorScheme: "dark" },
    "light, on a phone": { colorScheme: "light", viewport: { width: 360, height: 740 }, hasTouch: true },
    "dark, on a phone": { colorScheme: "dark", viewport: { width: 360, height: 740 }, hasTouch: true },
};

for (const [who, options] of Object.entries(READERS)) {
    test(`every page loads without errors and without a scroll bar below: ${who}`, async () => {
        const { page, wrong, close } = await reader(site, options);
        for (const name of await pages()) {
            await page.goto(site.root + name, { waitUntil: "load" });
            // A script makes the table of contents.
            await page.waitForSelector("#mdbook-sidebar .chapter", { state: "attached" });
            const [scrolls, width] = await page.evaluate(() => {
                const { scrollWidth, clientWidth } = document.documentElement;
                return [scrollWidth, clientWidth];
            });
            assert.ok(scrolls <= width, `${name} is ${scrolls} pixels wide, and the window ${width}`);
            assert.deepEqual(wrong, [], name);
        }
        await close();
    });
}

/** What of a page's elements a reader with this window has to complain about, page by page. */
async function complaints(options, complaint) {
    const { page, close } = await reader(site, options);
    const found = [];
    for (const name of await pages()) {
        await page.goto(site.root + name, { waitUntil: "load" });
        found.push(...(await page.evaluate(complaint)).map(what => `${name}: ${what}`));
    }
    await close();
    return found;
}

test("on a desk no line of code and no table of figures is cut off", async () => {
    const cut = () => [...document.querySelectorAll("main :is(code.language-rust, .figures .table-wrapper)")]
        .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
        .map(element => element.textContent.trim().slice(0, 40));
    assert.deepEqual(await complaints({ viewport: { width: 1280, height: 800 } }, cut), []);
});

test("on a phone the words in pictures stay large enough to be read", async () => {
    const small = () => {
        document.querySelectorAll("details").forEach(details => (details.open = true));
        const shrunk = [...document.querySelectorAll("figure.picture img")]
            .filter(image => image.getBoundingClientRect().width < 540)
            .map(image => image.getAttribute("src"));
        const words = [...document.querySelectorAll("svg.pic text")]
            .filter(text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a < 8)
            .map(text => text.textContent);
        return [...shrunk, ...words];
    };
    assert.deepEqual(await complaints({ viewport: { width: 360, height: 740 } }, small), []);
});

test("a word is found, in the glossary too, and marked where it stands", async () => {
    const { page, wrong, close } = await reader(site);
    await page.goto(site.root + "introduction.html");
    await page.keyboard.press("s");
    await page.keyboard.type("wilderness");
    const found = page.locator("#mdbook-searchresults a");
    await found.first().waitFor();
    const places = await found.evaluateAll(links => links.map(link => link.getAttribute("href")));
    assert.ok(places.some(place => place.startsWith("glossary.html")), `found in ${places}`);
    await found.first().click();
    await page.locator("main mark", { hasText: /^wilderness$/i }).first().waitFor();
    assert.deepEqual(wrong, []);
    await close();
});

test("nothing that boots is loaded before somebody wants it", async () => {
    const { page, requests, close } = await reader(site);
    for (const name of await chapters()) {
        await page.goto(site.root + name, { waitUntil: "networkidle" });
    }
    assert.deepEqual(requests.filter(url => new URL(url).pathname.includes("/live/")), []);
    await close();
});

test("without scripts each box says what to do instead", async () => {
    const { page, close } = await reader(site, { javaScriptEnabled: false });
    for (const name of await chapters()) {
        await page.goto(site.root + name);
        const number = name.slice("lab-".length, "lab-00".length);
        assert.match(await page.locator(".live").innerText(), new RegExp(`cargo grade run ${number}`));
    }
    await close();
});
