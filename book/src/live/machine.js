// A PC that boots the kernel: v86, with what a boot loader would pass on.

/** Where v86 puts the Multiboot information (Multiboot Specification 0.6.96, section 3.3). */
const INFORMATION = 0x7c00;
/** Of its fields: which of them are there, and where the modules are. */
const FLAGS = 0;
const MODULE_COUNT = 20;
const MODULES = 24;
/** In the flags: there are modules. */
const HAS_MODULES = 1 << 3;
/** Bytes of an entry in the list of modules. */
const ENTRY = 16;
const PAGE = 4096;

/** Where the kernel says how it ended, and the ports of the VGA's graphics controller. */
const EXIT_PORT = 0xf4;
const GRAPHICS_INDEX = 0x3ce;
const GRAPHICS_DATA = 0x3cf;
/** Its register that a VGA's own firmware sets: text, two planes in turn, cells at 0xB8000. */
const MISCELLANEOUS = 6;
const TEXT_AT_B8000 = 0x0e;

/** Cells of the screen, each a character and its colours. */
export const COLUMNS = 80;
export const ROWS = 25;

/** Something that the book was built without. */
class NotThere extends Error {
    name = "NotThere";
}

/** The next address at which a page begins. */
const upToPage = address => Math.ceil(address / PAGE) * PAGE;

let loaded;

/** Fetches the emulator and the kernel, once for a page. */
export function load(base) {
    loaded ??= fetchAll(new URL("built/", base)).catch(error => {
        loaded = undefined;
        throw error;
    });
    return loaded;
}

async function fetchAll(built) {
    const fetched = async (name, options) => {
        const response = await fetch(new URL(name, built), options);
        if (!response.ok) {
            throw new NotThere(`${name}: ${response.status}`);
        }
        return response;
    };
    const unpacked = async name => unpack(new Uint8Array(await (await fetched(name)).arrayBuffer()));
    // Its file names change with their contents, so those files may come from the browser's cache.
    const contents = await (await fetched("machine.json", { cache: "no-cache" })).json();
    const [script, wasm] = contents.emulator;
    const [{ V86 }, program, parcel] = await Promise.all([
        import(new URL(script, built)),
        unpacked(wasm).then(bytes => WebAssembly.compile(bytes)),
        unpacked(contents.file),
    ]);
    const part = ({ name, offset, size }) => ({ name, bytes: parcel.slice(offset, offset + size) });
    return {
        V86,
        program,
        kernel: part(contents.kernel).bytes,
        end: contents.end,
        programs: contents.programs.map(part),
    };
}

/** What was compressed with gzip. A host may have unpacked it on its way. */
async function unpack(bytes) {
    if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) {
        return bytes;
    }
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A machine. Nothing of one is left for the next. */
export class Machine {
    #emulator;
    #over = false;

    /**
     * Boots the kernel with these words. `hears` is called with what comes over the serial port,
     * `ends` once with the code that the kernel ends with.
     */
    constructor(parts, { words, mebibytes, programs, hears, ends }) {
        const { V86, program, kernel } = parts;
        this.#emulator = new V86({
            wasm_fn: async imports => (await WebAssembly.instantiate(program, imports)).exports,
            memory_size: mebibytes << 20,
            multiboot: { buffer: kernel.slice().buffer },
            cmdline: words,
            disable_keyboard: true,
            disable_mouse: true,
            disable_speaker: true,
            autostart: false,
        });
        this.#emulator.add_listener("serial0-output-byte", byte => this.#over || hears(byte));
        this.#emulator.add_listener("emulator-ready", () => {
            if (this.#over) {
                this.#emulator.destroy();
                return;
            }
            const { io } = this.#emulator.v86.cpu;
            io.register_write(EXIT_PORT, {}, code => {
                if (!this.#over) {
                    this.#over = true;
                    this.#emulator.stop();
                    ends(code);
                }
            });
            io.port_write8(GRAPHICS_INDEX, MISCELLANEOUS);
            io.port_write8(GRAPHICS_DATA, TEXT_AT_B8000);
            this.#give(programs ? parts.programs : [], upToPage(parts.end));
            this.#emulator.run();
        });
    }

    /** Puts the list of the programs into memory at `start`, and them behind it, as a boot loader does with modules. */
    #give(programs, start) {
        if (programs.length === 0) {
            return;
        }
        const list = new Uint8Array(PAGE);
        const view = new DataView(list.buffer);
        let text = programs.length * ENTRY;
        let place = start + PAGE;
        for (const [index, { name, bytes }] of programs.entries()) {
            const entry = [place, place + bytes.length, start + text, 0];
            entry.forEach((word, field) => view.setUint32(index * ENTRY + 4 * field, word, true));
            list.set(new TextEncoder().encode(`${name}\0`), text);
            text += name.length + 1;
            this.#emulator.write_memory(bytes, place);
            place = upToPage(place + bytes.length);
        }
        this.#emulator.write_memory(list, start);
        const information = this.#emulator.read_memory(INFORMATION, MODULES + 4).slice();
        const fields = new DataView(information.buffer);
        fields.setUint32(FLAGS, fields.getUint32(FLAGS, true) | HAS_MODULES, true);
        fields.setUint32(MODULE_COUNT, programs.length, true);
        fields.setUint32(MODULES, start, true);
        this.#emulator.write_memory(information, INFORMATION);
    }

    /** Types this at the serial port. */
    type(text) {
        if (!this.#over) {
            this.#emulator.serial_send_bytes(0, new TextEncoder().encode(text));
        }
    }

    /** The screen's cells as they are now, two bytes each. */
    cells() {
        return this.#emulator.v86?.cpu.devices?.vga?.vga_memory.subarray(0, 2 * COLUMNS * ROWS);
    }

    /** Ends it, and gives back its memory: at once, or when it has come up. */
    async end() {
        this.#over = true;
        if (this.#emulator.v86) {
            await this.#emulator.destroy();
        }
    }
}
