// The built book on a web server of its own, and Chromium to read it.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";

const PAGES = needed("FOLIO_BOOK");
const { chromium } = createRequire(path.join(needed("FOLIO_PACKAGES"), "x"))("playwright-core");

/** The book is not at the server's root: it has to work from any folder of a host. */
const FOLDER = "/some/course/";

/** What a plain host of static files knows. What it does not know is bytes. */
const TYPES = {
    ".css": "text/css", ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".json": "application/json",
    ".png": "image/png", ".svg": "image/svg+xml", ".woff2": "font/woff2",
};

/** Chromium as a server without a screen has it, which asks nothing of the network by itself. */
const SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
];

function needed(variable) {
    const value = process.env[variable];
    if (!value) {
        throw new Error(`${variable} is not set: run these tests with \`cargo grade dev browser\``);
    }
    return value;
}

/** Serves the book and opens a browser. */
export async function open() {
    const server = createServer(serve);
    await new Promise(resolve => server.listen(0, "127.0.0.1", resolve));
    const browser = await chromium.launch({ executablePath: needed("FOLIO_CHROMIUM"), args: SWITCHES });
    const origin = `http://127.0.0.1:${server.address().port}`;
    return {
        browser,
        root: origin + FOLDER,
        async close() {
            await browser.close();
            server.close();
        },
    };
}

async function serve(request, response) {
    const name = decodeURIComponent(new URL(request.url, "http://host").pathname);
    try {
        if (!name.startsWith(FOLDER) || name.includes("..")) {
            throw new Error("not in the book");
        }
        const body = await readFile(path.join(PAGES, name.slice(FOLDER.length)));
        response.writeHead(200, { "content-type": TYPES[path.extname(name)] ?? "application/octet-stream" });
        response.end(body);
    } catch {
        response.writeHead(404).end();
    }
}

/** The names of all pages that a reader comes to. */
export async function pages() {
    const names = (await readdir(PAGES)).filter(name => name.endsWith(".html"));
    // One is for printing, one is mdBook's table of contents for readers without scripts, one is shown for a page that does not exist.
    return names.filter(name => !["print.html", "toc.html", "404.html"].includes(name)).sort();
}

/** The names of the chapters on labs. */
export async function chapters() {
    return (await pages()).filter(name => name.startsWith("lab-"));
}

/** The built book's folder. */
export const folder = PAGES;

/**
 * A new reader with a page, and everything that went wrong in it: what the console said, what was thrown, and
 * requests for what is no part of the book.
 */
export async function reader({ browser, root }, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    const wrong = [];
    const requests = [];
    page.on("console", message => {
        if (["error", "warning"].includes(message.type())) {
            wrong.push(`${message.type()}: ${message.text()} (${message.location().url})`);
        }
    });
    page.on("pageerror", error => wrong.push(`thrown: ${error.message ?? error}`));
    page.on("request", request => {
        requests.push(request.url());
        if (!request.url().startsWith(root) && !/^(data|blob):/.test(request.url())) {
            wrong.push(`a request for ${request.url()}`);
        }
    });
    return { page, wrong, requests, close: () => context.close() };
}
