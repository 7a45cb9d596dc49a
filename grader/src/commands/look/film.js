"use strict";
const figures = [...document.querySelectorAll("figure")];
const find = (id) => document.getElementById(id);
const slider = find("slider");

function show(number) {
  const at = Math.min(Math.max(number, 1), figures.length);
  figures.forEach((figure, index) => figure.classList.toggle("shown", index === at - 1));
  slider.value = at;
  find("back").disabled = at === 1;
  find("forward").disabled = at === figures.length;
  const told = `Picture ${at} of ${figures.length}, after ${figures[at - 1].dataset.count} instructions`;
  find("where").textContent = told;
  slider.setAttribute("aria-valuetext", told);
}

const move = (by) => show(Number(slider.value) + by);
slider.max = figures.length;
slider.addEventListener("input", () => show(Number(slider.value)));
find("back").addEventListener("click", () => move(-1));
find("forward").addEventListener("click", () => move(1));
// The slider has these keys of its own.
document.addEventListener("keydown", (event) => {
  if (event.target === slider || event.altKey || event.ctrlKey || event.metaKey) return;
  const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -figures.length, End: figures.length };
  if (event.key in steps) {
    move(steps[event.key]);
    event.preventDefault();
  }
});
// What is opened in one picture is open in all.
const folds = [...document.querySelectorAll("details")];
const unfold = (event) => {
  if (event.target.closest(".shown")) folds.forEach((fold) => { fold.open = event.target.open; });
};
folds.forEach((fold) => fold.addEventListener("toggle", unfold));
document.body.classList.add("moves");
find("controls").hidden = false;
show(figures.length);
