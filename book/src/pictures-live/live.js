// A picture that the reader can change. The page contains its first state as SVG; once the picture comes
// into view, this fetches the code that draws the other states. Without that code, the picture stays as it is.

let code;

/** Fetches the code, once for all pictures of the page. */
function fetched() {
    code ??= fetch(new URL("pictures.wasm", import.meta.url)).then((answer) => {
        if (!answer.ok) throw new Error(`${answer.url}: ${answer.status}`);
        return answer.arrayBuffer().then((bytes) => WebAssembly.compile(bytes));
    });
    return code;
}

/** The functions of book/pictures-live/src/wasm.rs, for one picture. */
export class Picture {
    #name;
    #module;
    #functions;

    constructor(name, module) {
        this.#name = name;
        this.#module = module;
        this.#start();
    }

    #start() {
        this.#functions = new WebAssembly.Instance(this.#module).exports;
    }

    #ask(question, text) {
        const { memory, room, answer } = this.#functions;
        const bytes = new TextEncoder().encode(`${this.#name}\n${text}`);
        const place = room(bytes.length);
        new Uint8Array(memory.buffer, place, bytes.length).set(bytes);
        try {
            const length = this.#functions[question]();
            return new TextDecoder().decode(new Uint8Array(memory.buffer, answer(), length));
        } catch (error) {
            // The code stopped in the middle of a call: the next question goes to a new instance.
            this.#start();
            throw error;
        }
    }

    /** What it shows when this was chosen: `{ says, state, svg }`. */
    show(chosen) {
        const lines = Object.entries(chosen).map(([key, value]) => `${key} ${String(value).replace(/\s+/g, " ")}`);
        const [says, state, ...svg] = this.#ask("show", lines.join("\n")).split("\n");
        return { says, state, svg: svg.join("\n") };
    }

    /** What may be chosen for a key: a list of `{ label, value }`. */
    choices(key) {
        const lines = this.#ask("choices", "").split("\n").map((line) => line.split("\t"));
        return lines.filter(([found]) => found === key).map(([, label, value]) => ({ label, value }));
    }
}

/** Makes an element with properties and children. */
export function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
}

/** A control with its label. */
export function labelled(label, control) {
    control.setAttribute("aria-label", label);
    return element("label", {}, element("span", { textContent: label }), control);
}

/** A button that does something. */
export function button(label, does) {
    const made = element("button", { type: "button", textContent: label });
    made.addEventListener("click", does);
    return made;
}

/** A choice of some values. */
export function select(choices) {
    return element("select", {}, ...choices.map(({ label, value }) => element("option", { value, textContent: label })));
}

/**
 * Brings a picture to life once it comes into view: `controls(picture, draw)` returns the controls,
 * row by row; `draw(chosen)` draws what was chosen and returns what the picture says.
 */
export function bringToLife(name, title, controls) {
    const figure = document.getElementById(`live-${name}`);
    if (!figure) return;
    const watcher = new IntersectionObserver((entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        watcher.disconnect();
        fetched().then(
            (module) => start(figure, title, new Picture(name, module), controls),
            (error) => console.info("the picture stays as it is:", error.message),
        );
    }, { rootMargin: "400px" });
    watcher.observe(figure);
}

function start(figure, title, picture, controls) {
    const says = element("p", { className: "picture-says" });
    says.setAttribute("role", "status");
    const draw = (chosen) => {
        const shown = picture.show(chosen);
        const svg = new DOMParser().parseFromString(shown.svg, "image/svg+xml").documentElement;
        figure.querySelector("svg.pic").replaceWith(document.importNode(svg, true));
        says.textContent = shown.says;
        return shown;
    };
    const form = element("form", { className: "picture-controls" });
    form.setAttribute("aria-label", title);
    form.addEventListener("submit", (event) => event.preventDefault());
    // The book turns its pages with the arrow keys and searches with letters, but not while the reader types here.
    form.addEventListener("keydown", (event) => event.stopPropagation());
    form.append(...controls(picture, draw).map((row) => element("div", { className: "picture-row" }, ...row)));
    figure.querySelector("svg.pic").before(form, says);
    figure.dataset.live = "yes";
}
