// A process and its fork.
import { bringToLife, button, element } from "./live.js";

bringToLife("fork", "Fork a process and write to its pages", (picture, draw) => {
    const [{ value: first }] = picture.choices("events");
    let events = first.split(" ");
    const buttons = new Map();

    const show = () => {
        const possible = draw({ events: events.join(" ") }).state.split(" ");
        // Not disabled: the button that was just pressed keeps the focus.
        for (const [event, made] of buttons) made.setAttribute("aria-disabled", !possible.includes(event));
        undo.setAttribute("aria-disabled", events.length === 0);
    };
    const does = (event, label, name = label) => {
        const made = button(label, () => {
            if (made.getAttribute("aria-disabled") === "true") return;
            events.push(event);
            show();
        });
        made.setAttribute("aria-label", name);
        buttons.set(event, made);
        return made;
    };
    const undo = button("Undo", () => {
        events.pop();
        show();
    });
    const row = (who) => [
        element("span", { textContent: `The ${who} writes to page` }),
        ...[1, 2, 3, 4].map((page) => does(`write-${who}-${page}`, `${page}`, `the ${who} writes to page ${page}`)),
        does(`exit-${who}`, "exits", `the ${who} exits`),
    ];
    const over = button("Start over", () => {
        events = [];
        show();
    });
    const rows = [[does("fork", "Fork"), undo, over], row("parent"), row("child")];
    show();
    return rows;
});
