// A box in a chapter: boots the kernel as an operating system, or runs checks of the chapter's lab.

import { load, Machine } from "./machine.js";
import { newNonce, verdict } from "./report.js";
import { Screen } from "./screen.js";
import { openTerminal } from "./terminal.js";

/** What the shell says when it waits for a line. */
const PROMPT = "folio> ";
/** How much memory the machine has that is an operating system: little, so that the map is soon full. */
const MEBIBYTES = 16;
/** Of the exit codes, that of a system that ended well. */
const ENDED_WELL = 0x10;

const WORDS = {
    passed: "passed",
    failed: "failed",
    "not-available": "not available in this emulator",
    crashed: "crashed",
    unclear: "gave no whole report",
    stopped: "stopped",
};

/** Makes a box usable: `stage` is where things are shown, `status` where it is said what goes on. */
export function open({ base, stage, status, stop }) {
    return new Box(base, stage, status, stop);
}

class Box {
    #base;
    #stage;
    #status;
    #stop;
    /** What runs, and how whoever waits for it is told that it was stopped. */
    #machine;
    #whenStopped;
    #terminal;
    #screen;
    #results = document.createElement("ol");

    constructor(base, stage, status, stop) {
        [this.#base, this.#stage, this.#status, this.#stop] = [base, stage, status, stop];
        this.#results.className = "live-results";
        stop.addEventListener("click", () => this.#whenStopped?.());
    }

    /** Boots the kernel as an operating system, to which everything goes that is typed. */
    async boot() {
        const parts = await this.#prepared("Booting …");
        const { element } = (this.#screen ??= this.#makeScreen());
        element.hidden = false;
        let said = "";
        this.#start(parts, {
            words: "",
            mebibytes: MEBIBYTES,
            programs: true,
            hears: character => {
                said = (said + character).slice(-PROMPT.length);
                if (said === PROMPT && this.#status.textContent === "Booting …") {
                    this.#say("The kernel runs. Type into the terminal: help lists the programs. Tab leaves the terminal.");
                }
            },
            ends: code => this.#say(code === ENDED_WELL ? "The machine has ended." : "The machine has ended with an error."),
            stopped: () => this.#say("Stopped."),
        });
        this.#screen.screen.watch(this.#machine);
        // If the page is too narrow for the whole screen, show the map on its right: the terminal has the rest.
        element.scrollLeft = element.scrollWidth;
        this.#terminal.focus();
    }

    /** Runs checks one after the other, each on a machine of its own. */
    async check(checks) {
        const parts = await this.#prepared("Running …");
        if (this.#screen) {
            this.#screen.element.hidden = true;
        }
        this.#results.replaceChildren();
        this.#stage.append(this.#results);
        const counts = new Map();
        for (const [index, check] of checks.entries()) {
            this.#say(`Running ${check.name}, ${index + 1} of ${checks.length} …`);
            const result = await this.#run(parts, check);
            this.#show(check, result);
            counts.set(result.kind, (counts.get(result.kind) ?? 0) + 1);
            if (result.kind === "stopped") {
                break;
            }
        }
        this.#say([...counts].map(([kind, count]) => `${count} ${WORDS[kind]}`).join(", ") + ".");
    }

    /** What a check came to, on a machine that is gone afterwards. */
    async #run(parts, { name, mebibytes, programs }) {
        const nonce = newNonce();
        let text = "";
        const result = await new Promise(resolve => {
            this.#start(parts, {
                words: `check=${name} nonce=${nonce}`,
                mebibytes,
                programs,
                hears: character => (text += character),
                ends: code => resolve(verdict(text, name, nonce, code)),
                stopped: () => resolve({ kind: "stopped", why: "" }),
            });
        });
        await this.#end();
        return result;
    }

    /** Loads what is needed, opens the terminal, and ends the machine before. */
    async #prepared(goingOn) {
        this.#say("Loading the emulator and the kernel …");
        const parts = await load(this.#base);
        if (!this.#terminal) {
            const element = document.createElement("div");
            element.className = "live-terminal";
            this.#stage.replaceChildren(element);
            this.#terminal = await openTerminal(this.#base, element, text => this.#machine?.type(text));
        }
        await this.#end();
        this.#results.remove();
        this.#say(goingOn);
        return parts;
    }

    #makeScreen() {
        const screen = new Screen();
        const element = document.createElement("div");
        element.className = "live-scroll";
        element.tabIndex = 0;
        element.append(screen.element);
        this.#stage.append(element);
        return { screen, element };
    }

    /** Starts a machine, whose serial port the terminal shows. */
    #start(parts, { words, mebibytes, programs, hears, ends, stopped }) {
        this.#terminal.reset();
        const decoder = new TextDecoder();
        this.#machine = new Machine(parts, {
            words,
            mebibytes,
            programs,
            hears: byte => {
                this.#terminal.write(Uint8Array.of(byte));
                hears(decoder.decode(Uint8Array.of(byte), { stream: true }));
            },
            ends: code => {
                this.#mayStop(undefined);
                ends(code);
            },
        });
        this.#mayStop(() => this.#end().then(stopped));
    }

    /** Says what is done when somebody stops the machine; nothing if there is none. */
    #mayStop(work) {
        this.#whenStopped = work;
        this.#stop.disabled = work === undefined;
    }

    /** Ends the machine, if there is one. */
    async #end() {
        const machine = this.#machine;
        this.#machine = undefined;
        this.#mayStop(undefined);
        this.#screen?.screen.leave();
        await machine?.end();
    }

    /** One more line of results; its name leads to where the chapter explains the check. */
    #show({ name, mebibytes }, { kind, why }) {
        const line = document.createElement("li");
        line.className = `live-${kind}`;
        const link = document.createElement("a");
        link.href = `#${name}`;
        link.textContent = name;
        const where = kind === "not-available" ? "" : `, with ${mebibytes} MiB`;
        const rest = why ? `: ${why}` : "";
        line.append(link, ` ${WORDS[kind]}${where}${rest}`);
        this.#results.append(line);
    }

    #say(text) {
        this.#status.textContent = text;
    }
}
