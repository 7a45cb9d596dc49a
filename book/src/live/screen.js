// The machine's screen: VGA text mode, drawn on a canvas.

import { COLUMNS, ROWS } from "./machine.js";

/** A cell, in pixels of the page, at the canvas' full size. */
const WIDTH = 9;
const HEIGHT = 18;
const FONT = '15px "Source Code Pro", Consolas, "Ubuntu Mono", Menlo, "DejaVu Sans Mono", monospace';

/** The colours that a VGA's firmware sets. */
const PALETTE = [
    [0, 0, 0], [0, 0, 170], [0, 170, 0], [0, 170, 170], [170, 0, 0], [170, 0, 170], [170, 85, 0], [170, 170, 170],
    [85, 85, 85], [85, 85, 255], [85, 255, 85], [85, 255, 255], [255, 85, 85], [255, 85, 255], [255, 255, 85], [255, 255, 255],
];

/** Characters of code page 437 that fill their cells in part: how much. */
const SHADES = new Map([[0xb0, 0.25], [0xb1, 0.5], [0xb2, 0.75], [0xdb, 1]]);
/** Those that are lines and spots: left, top, width and height, as parts of the cell. */
const SHAPES = new Map([
    [0xb3, [0.44, 0, 0.12, 1]],
    [0xc4, [0, 0.47, 1, 0.06]],
    [0xfe, [0.2, 0.3, 0.6, 0.4]],
    [0xfa, [0.4, 0.45, 0.2, 0.1]],
]);

/** How often it is drawn, in milliseconds. */
const EVERY = 100;

/** Shows the screen of a machine, for as long as there is something to see. */
export class Screen {
    #canvas = document.createElement("canvas");
    #context;
    #shown = new Uint8Array(2 * COLUMNS * ROWS).fill(0xff);
    #timer;

    constructor() {
        this.#canvas.className = "live-screen";
        this.#canvas.setAttribute("role", "img");
        this.#canvas.setAttribute("aria-label", "The machine's screen: on the left what the terminal shows, on the right a live map of physical memory. In the terminal, mem shows the same as text.");
        const scale = Math.max(2, window.devicePixelRatio || 1);
        this.#canvas.width = COLUMNS * WIDTH * scale;
        this.#canvas.height = ROWS * HEIGHT * scale;
        this.#context = this.#canvas.getContext("2d", { alpha: false });
        this.#context.scale(scale, scale);
        this.#context.font = FONT;
        this.#context.textBaseline = "middle";
    }

    /** What to put into the page. */
    get element() {
        return this.#canvas;
    }

    /** From now on shows this machine. */
    watch(machine) {
        this.leave();
        this.#timer = setInterval(() => this.#draw(machine.cells()), EVERY);
    }

    /** Shows no machine any more; what was drawn stays. */
    leave() {
        clearInterval(this.#timer);
    }

    /** Draws what has changed. */
    #draw(cells) {
        if (!cells) {
            return;
        }
        for (let at = 0; at < cells.length; at += 2) {
            if (cells[at] !== this.#shown[at] || cells[at + 1] !== this.#shown[at + 1]) {
                this.#drawCell((at / 2) % COLUMNS, Math.floor(at / 2 / COLUMNS), cells[at], cells[at + 1]);
            }
        }
        this.#shown.set(cells);
    }

    #drawCell(column, row, character, colours) {
        const [left, top] = [column * WIDTH, row * HEIGHT];
        const [front, back] = [PALETTE[colours & 15], PALETTE[(colours >> 4) & 15]];
        this.#fill(back, left, top, WIDTH, HEIGHT);
        const shade = SHADES.get(character);
        const shape = SHAPES.get(character);
        if (shade !== undefined) {
            const mixed = front.map((part, index) => Math.round(part * shade + back[index] * (1 - shade)));
            this.#fill(mixed, left, top, WIDTH, HEIGHT);
        } else if (shape) {
            const [x, y, width, height] = shape;
            this.#fill(front, left + x * WIDTH, top + y * HEIGHT, width * WIDTH, height * HEIGHT);
        } else if (character > 0x20) {
            this.#context.fillStyle = `rgb(${front})`;
            this.#context.fillText(String.fromCharCode(character), left, top + HEIGHT / 2, WIDTH);
        }
    }

    #fill(colour, left, top, width, height) {
        this.#context.fillStyle = `rgb(${colour})`;
        this.#context.fillRect(left, top, width, height);
    }
}
