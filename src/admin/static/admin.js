// Everything works without this script; with it, choosers can be searched, and what was chosen is seen at once.
"use strict";

// On a phone the sections are a line that scrolls.
const sections = document.querySelector("nav");
const here = sections?.querySelector("[aria-current]");
if (here) sections.scrollLeft = here.offsetLeft - sections.offsetLeft - (sections.clientWidth - here.offsetWidth) / 2;

for (const focus of document.querySelectorAll("[data-focus]")) focus.focus();

for (const form of document.querySelectorAll("form[data-confirm]")) {
  form.addEventListener("submit", (event) => {
    if (!confirm(form.dataset.confirm)) event.preventDefault();
  });
}

for (const chooser of document.querySelectorAll(".chooser")) {
  const boxes = [...chooser.querySelectorAll("input[type=checkbox]")];
  const search = chooser.querySelector("input[type=search]");
  const chosen = chooser.querySelector(".chooser__chosen");
  const show = () => {
    chosen.replaceChildren(...boxes.filter((box) => box.checked).map((box) => {
      const chip = document.createElement("span");
      chip.className = "chip";
      chip.textContent = box.dataset.name;
      if (!box.disabled) {
        const remove = document.createElement("button");
        remove.type = "button";
        remove.textContent = "×";
        remove.setAttribute("aria-label", `Remove ${box.dataset.name}`);
        remove.addEventListener("click", () => { box.checked = false; show(); search.focus(); });
        chip.append(remove);
      }
      return chip;
    }));
  };
  search.hidden = false;
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const box of boxes) {
      const text = `${box.dataset.name} ${box.value}`.toLowerCase();
      box.closest("label").hidden = !words.every((word) => text.includes(word));
    }
  });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const found = boxes.filter((box) => !box.closest("label").hidden);
    if (found.length === 1) { found[0].checked = !found[0].checked; show(); search.select(); }
  });
  for (const box of boxes) box.addEventListener("change", show);
  show();
}

for (const select of document.querySelectorAll("select[data-shows]")) {
  const show = () => {
    for (const part of document.querySelectorAll(`[data-${select.dataset.shows}]`)) {
      part.hidden = !part.getAttribute(`data-${select.dataset.shows}`).split(" ").includes(select.value);
    }
  };
  select.addEventListener("change", show);
  show();
}

// An image goes where one has written last.
for (const part of document.querySelectorAll("[data-image]")) {
  const field = (name) => part.querySelector(`[data-part=${name}]`);
  const written = (text) => text.trim().replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  let into = document.querySelector("textarea.code");
  for (const area of document.querySelectorAll("textarea.code")) {
    area.addEventListener("focus", () => { into = area; });
  }
  part.hidden = false;
  part.querySelector("button").addEventListener("click", () => {
    const [src, alt, href] = ["src", "alt", "href"].map((name) => written(field(name).value));
    if (!src) { field("src").focus(); return; }
    const image = `<img src="${src}" alt="${alt}">`;
    into.setRangeText(href ? `<a href="${href}">${image}</a>` : image, into.selectionStart, into.selectionEnd, "end");
    for (const input of part.querySelectorAll("input")) input.value = "";
    part.open = false;
    into.focus();
  });
}

// A preview opens in a window as wide as a phone or a desktop.
for (const form of document.querySelectorAll("form[data-popup]")) {
  form.addEventListener("submit", (event) => {
    const { width, height } = event.submitter?.dataset ?? {};
    if (!width) return;
    const name = `preview-${width}`;
    if (window.open("", name, `popup,width=${width},height=${height}`)) form.target = name;
  });
}

// SKUs are suggested while the last one of a list is typed.
const skus = document.getElementById("skus");
for (const input of document.querySelectorAll("input[list=skus]")) {
  input.addEventListener("input", async () => {
    const parts = input.value.split(",");
    const last = parts.pop().trim();
    const answer = await fetch(`/rules/skus?q=${encodeURIComponent(last)}`);
    if (!answer.ok || input.value.split(",").pop().trim() !== last) return;
    skus.replaceChildren(...(await answer.json()).map((sku) => {
      const option = document.createElement("option");
      option.value = [...parts.map((part) => part.trim()), sku].join(", ");
      return option;
    }));
  });
}
