// The initial stack of a program.
import { bringToLife, button, element, labelled } from "./live.js";

bringToLife("stack", "Start a program with a command line", (picture, draw) => {
    const fields = ["command", "environment"].map((key) => {
        const input = element("input", { type: "text", spellcheck: false, autocomplete: "off", className: "picture-wide" });
        input.addEventListener("input", () => show());
        return { key, input, choices: picture.choices(key) };
    });
    const show = () => draw(Object.fromEntries(fields.map(({ key, input }) => [key, input.value])));
    for (const { input, choices } of fields) input.value = choices[0].value;
    show();
    const names = { command: "Command line", environment: "Environment" };
    return fields.map(({ key, input, choices }) => [
        labelled(names[key], input),
        ...choices.map(({ label, value }) =>
            button(label, () => {
                input.value = value;
                show();
            }),
        ),
    ]);
});
