// The one kind of dialog: a question before what cannot be undone.

/** Whether somebody says yes. */
export function ask(question, detail, yes) {
  const dialog = document.createElement("dialog");
  const title = document.createElement("h2");
  title.id = "ask-title";
  title.textContent = question;
  const buttons = document.createElement("div");
  buttons.className = "row";
  const no = button("Cancel", "button");
  const go = button(yes || "Continue", "button danger-fill");
  buttons.append(no, go);
  dialog.setAttribute("aria-labelledby", "ask-title");
  dialog.append(title);
  if (detail) {
    const text = document.createElement("p");
    text.textContent = detail;
    dialog.append(text);
  }
  dialog.append(buttons);
  document.body.append(dialog);
  dialog.showModal();
  no.focus();
  return new Promise((resolve) => {
    no.addEventListener("click", () => dialog.close());
    go.addEventListener("click", () => dialog.close("yes"));
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
  });
}

function button(text, name) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = name;
  made.textContent = text;
  return made;
}
