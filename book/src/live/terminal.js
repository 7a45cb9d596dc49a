// The machine's serial console, in a terminal.

/** Rows of the terminal. */
const ROWS = 20;

/** Opens a terminal in an element of the page; `types` is called with what the reader types. */
export async function openTerminal(base, element, types) {
    const built = new URL("built/", base);
    const [{ Terminal }, { FitAddon }] = await Promise.all([
        import(new URL("xterm.js", built)),
        import(new URL("addon-fit.js", built)),
        style(new URL("xterm.css", built)),
    ]);
    const terminal = new Terminal({
        rows: ROWS,
        convertEol: true,
        screenReaderMode: true,
        fontFamily: '"Source Code Pro", Consolas, "Ubuntu Mono", Menlo, "DejaVu Sans Mono", monospace',
        fontSize: 13,
        scrollback: 2000,
        theme: theme(element),
    });
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    terminal.open(element);
    const fitted = () => {
        const size = fit.proposeDimensions();
        if (size?.cols > 1) {
            terminal.resize(size.cols, ROWS);
        }
    };
    fitted();
    new ResizeObserver(fitted).observe(element);
    // mdBook marks the theme as a class of the page.
    const themes = new MutationObserver(() => (terminal.options.theme = theme(element)));
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
    leaveWithTab(terminal);
    // The page has keys of its own, such as the arrows, which turn pages.
    element.addEventListener("keydown", event => event.stopPropagation());
    terminal.onData(types);
    return terminal;
}

/** Tab goes on to what follows in the page, as everywhere else: the shell has no use for it. */
function leaveWithTab(terminal) {
    terminal.attachCustomKeyEventHandler(event => event.key !== "Tab");
}

/** The colours that the page's style gives the terminal. */
function theme(element) {
    const style = getComputedStyle(element);
    const colour = name => style.getPropertyValue(`--live-${name}`).trim();
    return {
        background: colour("back"),
        foreground: colour("front"),
        cursor: colour("front"),
        cursorAccent: colour("back"),
        selectionBackground: colour("selected"),
    };
}

/** Adds a style sheet to the page, and waits until it is there. */
function style(url) {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = url;
    const there = new Promise((resolve, reject) => {
        link.addEventListener("load", resolve);
        link.addEventListener("error", () => reject(new TypeError(`${url} does not load`)));
    });
    document.head.append(link);
    return there;
}
