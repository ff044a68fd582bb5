"use strict";
// Shows the filters, which are useless without this script, and makes them work.
const nav = document.querySelector("nav");
const search = nav.querySelector("input");
const buttons = [...nav.querySelectorAll("button")];
const families = [...document.querySelectorAll(".family")];
let shown = "all";

function apply() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const family of families) {
    let some = false;
    for (const entry of family.querySelectorAll(".case")) {
      const text = entry.textContent.toLowerCase();
      const fits = (shown === "all" || entry.dataset.verdict === shown) && words.every((word) => text.includes(word));
      entry.hidden = !fits;
      some ||= fits;
    }
    family.hidden = !some;
  }
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.show === shown));
}

// A link from the tables below leads to a case, which must be visible and open then.
function follow() {
  const entry = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!entry || !entry.classList.contains("case")) return;
  shown = "all";
  search.value = "";
  apply();
  entry.open = true;
  entry.scrollIntoView({ block: "center" });
}

search.addEventListener("input", apply);
for (const button of buttons) button.addEventListener("click", () => { shown = button.dataset.show; apply(); });
addEventListener("hashchange", follow);
nav.hidden = false;
follow();
