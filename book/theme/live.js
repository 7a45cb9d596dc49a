// Prepares the boxes in which the kernel boots. Loads nothing more until the reader uses one.
(() => {
    "use strict";

    const base = new URL("../live/", document.currentScript.src);

    for (const box of document.querySelectorAll(".live")) {
        ready(box);
    }

    /** Gives a box its buttons, which load the rest. */
    function ready(box) {
        const checks = JSON.parse(box.dataset.checks);
        const status = element("p", "live-status", "An emulator in this page: two megabytes, which are loaded when you begin.");
        status.setAttribute("role", "status");
        const boot = button("Boot the kernel");
        const chosen = selection(checks);
        const run = button("Run checks");
        const stop = button("Stop");
        stop.disabled = true;
        const controls = element("div", "live-controls");
        controls.append(boot, ...(checks.length > 0 ? [chosen.label, run] : []), stop);
        const stage = element("div", "live-stage");
        box.replaceChildren(controls, status, stage);

        let opened;
        const use = work => async () => {
            boot.disabled = run.disabled = true;
            try {
                opened ??= (await module()).open({ base, stage, status, stop });
                await work(opened);
            } catch (error) {
                status.textContent = explained(error, box.dataset.lab);
            }
            boot.disabled = run.disabled = false;
        };
        boot.addEventListener("click", use(it => it.boot()));
        run.addEventListener("click", use(it => it.check(chosen.checks())));
    }

    /** The part that boots. A browser keeps a failure, so one is asked for again by another name. */
    let tries = 0;
    function module() {
        const again = tries ? `?again=${tries}` : "";
        tries += 1;
        return import(new URL(`box.js${again}`, base)).then(it => {
            tries = 0;
            return it;
        });
    }

    /** What to do where something is missing. */
    function explained(error, lab) {
        const instead = `cargo grade run ${lab.slice(0, 2)} boots the kernel in QEMU.`;
        if (location.protocol === "file:") {
            return `From a file, a browser loads no kernel. cargo grade book --open shows the book with one; ${instead}`;
        }
        if (error instanceof TypeError || error.name === "NotThere") {
            return `This copy of the book comes without the kernel, or it does not load. cargo grade book builds it with one; ${instead}`;
        }
        return `It does not work in this browser (${error.message}). ${instead}`;
    }

    /** A choice of all checks, or of one. */
    function selection(checks) {
        const select = document.createElement("select");
        select.append(new Option(`all ${checks.length} checks`, ""));
        for (const [name] of checks) {
            select.append(new Option(name, name));
        }
        const label = element("label", "live-choice");
        label.append("or", select);
        select.setAttribute("aria-label", "which checks to run");
        const chosen = () => checks.filter(([name]) => select.value === "" || select.value === name);
        return { label, checks: () => chosen().map(([name, mebibytes, programs]) => ({ name, mebibytes, programs })) };
    }

    function element(tag, name, text) {
        const made = document.createElement(tag);
        made.className = name;
        if (text !== undefined) {
            made.textContent = text;
        }
        return made;
    }

    function button(text) {
        const made = element("button", "live-button", text);
        made.type = "button";
        return made;
    }
})();
