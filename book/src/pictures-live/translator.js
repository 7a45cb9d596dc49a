// The walk from an address to a byte.
import { bringToLife, button, element, labelled } from "./live.js";

bringToLife("translator", "Translate an address", (picture, draw) => {
    const address = element("input", { type: "text", size: 12, spellcheck: false, autocomplete: "off" });
    const show = () => draw({ address: address.value });
    const go = (value) => {
        address.value = value;
        show();
    };
    const step = (pages) => {
        address.value = draw({ address: address.value, step: pages }).state;
    };
    address.addEventListener("input", show);
    const choices = picture.choices("address");
    go(choices[0].value);
    const steps = [["−4 MiB", -1024], ["−1 page", -1], ["+1 page", 1], ["+4 MiB", 1024]];
    return [
        [labelled("Address", address), ...steps.map(([label, pages]) => button(label, () => step(pages)))],
        choices.map(({ label, value }) => button(label, () => go(value))),
    ];
});
