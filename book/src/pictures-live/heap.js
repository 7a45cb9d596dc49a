// A heap on a trace, call by call.
import { bringToLife, button, element, labelled, select } from "./live.js";

const MILLISECONDS_A_CALL = 700;

bringToLife("heap", "Run a trace on a heap", (picture, draw) => {
    const fit = select(picture.choices("fit"));
    const merging = element("input", { type: "checkbox", checked: true });
    const trace = select([...picture.choices("trace"), { label: "your own", value: "" }]);
    const calls = element("input", { type: "text", spellcheck: false, autocomplete: "off", className: "picture-wide" });
    const at = element("input", { type: "range", min: 0 });
    let timer;

    const show = () => {
        const merges = merging.checked ? "on" : "off";
        const { state } = draw({ fit: fit.value, merging: merges, trace: calls.value, step: at.value });
        const [, all] = state.split("/");
        at.max = all;
        at.setAttribute("aria-valuetext", `${state.replace("/", " of ")} calls`);
    };
    const pause = () => {
        clearInterval(timer);
        timer = undefined;
        play.textContent = "Play";
    };
    const goTo = (step) => {
        at.value = step;
        show();
    };
    const step = (by) => {
        pause();
        goTo(Number(at.value) + by);
    };
    const advance = () => {
        goTo(Number(at.value) + 1);
        if (at.value === at.max) pause();
    };
    const play = button("Play", () => {
        if (timer) return pause();
        if (at.value === at.max) goTo(0);
        timer = setInterval(advance, MILLISECONDS_A_CALL);
        play.textContent = "Pause";
    });
    const take = (text) => {
        pause();
        calls.value = text;
        at.max = 1000;
        goTo(1000);
    };

    fit.addEventListener("change", show);
    merging.addEventListener("change", show);
    at.addEventListener("input", () => {
        pause();
        show();
    });
    trace.addEventListener("change", () => (trace.value ? take(trace.value) : calls.focus()));
    calls.addEventListener("input", () => {
        trace.value = "";
        take(calls.value);
    });
    take(trace.value);
    return [
        [labelled("Policy", fit), labelled("Merge free neighbours", merging)],
        [labelled("Trace", trace), labelled("Calls", calls)],
        [labelled("Call", at), button("Back", () => step(-1)), button("Step", () => step(1)), play],
    ];
});
