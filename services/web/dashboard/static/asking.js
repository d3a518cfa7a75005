// A button for what cannot be undone: the first press asks, the second one does it.

const PATIENCE_MS = 4000;

/** Let `button` do `action` when it is pressed twice. */
export function asksTwice(button, action, question = "Really?") {
  let timer = 0;
  const label = button.textContent;
  const calm = () => {
    clearTimeout(timer);
    timer = 0;
    button.textContent = label;
    button.classList.remove("is-asking");
  };
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    if (!timer) {
      button.textContent = question;
      button.classList.add("is-asking");
      timer = setTimeout(calm, PATIENCE_MS);
      return;
    }
    calm();
    action();
  });
  button.addEventListener("blur", calm);
  return button;
}
