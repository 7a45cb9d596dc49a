// A frame allocator at work.
import { bringToLife, button, element, labelled, select } from "./live.js";

bringToLife("frames", "Allocate and free frames", (picture, draw) => {
    const states = picture.choices("events");
    const order = select(picture.choices("order"));
    const frame = element("input", { type: "number", min: 0, max: 127, value: 8 });
    let events = states[0].value.split(" ").filter(Boolean);

    const show = () => {
        draw({ order: order.value, events: events.join(" ") });
        undo.setAttribute("aria-disabled", events.length === 0);
    };
    const happens = (label, event) =>
        button(label, () => {
            events.push(event());
            show();
        });
    const undo = button("Undo", () => {
        events.pop();
        show();
    });
    const begin = ({ label, value }) =>
        button(label, () => {
            events = value.split(" ").filter(Boolean);
            show();
        });
    const number = () => Math.max(0, Math.trunc(frame.valueAsNumber) || 0);
    order.addEventListener("change", show);
    order.value = "2";
    show();
    return [
        [happens("Allocate a frame", () => "a"), labelled("Order", order), happens("Allocate a run", () => `r${order.value}`)],
        [
            labelled("Frame", frame),
            happens("Free it", () => `f${number()}`),
            happens("Free the run that begins there", () => `F${number()}.${order.value}`),
        ],
        [undo, ...states.map(begin)],
    ];
});
