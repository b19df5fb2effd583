// The form of a task, made from the service's own description of it.

import { control } from "./controls.js";
import { $, h, icon } from "./dom.js";
import { COMMON, UNSHOWN, wordsOfField, wordsOfTask } from "./words.js";

/** Events: `change` when a value or the task has changed. */
export class TaskForm extends EventTarget {
  #description;
  #own = new Map();
  #common = {};
  #rows = new Map();

  constructor(description) {
    super();
    this.#description = description;
    this.taskType = description.tasks[0].taskType;
    this.#drawTasks();
    this.choose(this.taskType);
  }

  /** Show the form of this task. */
  choose(taskType) {
    this.taskType = taskType;
    $(`#tasks input[value="${taskType}"]`).checked = true;
    $("#about").textContent = this.words.about;
    this.#drawFields();
    this.#changed();
  }

  get words() {
    return wordsOfTask(this.taskType);
  }

  get needsMask() {
    return this.#task.fields.some((field) => field.name === "maskImage");
  }

  /** What goes into the task: all that differs from the default and has a meaning. */
  parameters() {
    const sent = {};
    for (const [name, { field, words }] of this.#rows) {
      const value = this.#values(name)[name];
      const isDefault = value === undefined || value === field.default;
      if (!isDefault && (words.when?.(this.#all, this) ?? true)) place(sent, name, value);
    }
    return sent;
  }

  get defaults() {
    return Object.fromEntries(this.#task.fields.map((field) => [field.name, field.default]));
  }

  /** Show an error at the field that it names; tell whether there is one. */
  showProblem({ parameter = "", message }) {
    const row = this.#rows.get(parameter) ?? this.#rows.get(parameter.split(".").at(-1));
    if (!row) return false;
    row.problem.textContent = message;
    row.problem.hidden = false;
    for (const input of row.control.inputs) input.setAttribute("aria-invalid", "true");
    const section = row.element.closest("details");
    if (section) section.open = true;
    row.element.scrollIntoView({ block: "nearest" });
    return true;
  }

  clearProblems() {
    for (const { problem, control } of this.#rows.values()) {
      problem.hidden = true;
      for (const input of control.inputs) input.removeAttribute("aria-invalid");
    }
  }

  get #task() {
    return this.#description.tasks.find((task) => task.taskType === this.taskType);
  }

  get #all() {
    return { ...this.#common, ...this.#own.get(this.taskType) };
  }

  /** Where a field's value is kept: output and model stay as they are when the task changes. */
  #values(name) {
    if (COMMON.includes(name) && name !== "model") return this.#common;
    if (!this.#own.has(this.taskType)) this.#own.set(this.taskType, {});
    return this.#own.get(this.taskType);
  }

  #drawTasks() {
    $("#tasks").replaceChildren(...this.#description.tasks.map(({ taskType }) => {
      const words = wordsOfTask(taskType);
      const input = h("input", { type: "radio", name: "task", value: taskType, on: { change: () => this.choose(taskType) } });
      return h("label", { class: "task" }, input, h("span", {}, icon(words.icon), words.label));
    }));
  }

  #drawFields() {
    this.#rows.clear();
    const shown = this.#task.fields.filter((field) => !UNSHOWN.has(field.name));
    const common = COMMON.map((name) => shown.find((field) => field.name === name)).filter(Boolean);
    $("#fields").replaceChildren(...shown.filter((field) => !common.includes(field)).map((field) => this.#row(field)));
    $("#more-fields").replaceChildren(...common.map((field) => this.#row(field)));
    this.#hideIdle();
  }

  #row(field) {
    const { name } = field;
    const id = `field-${name.replace(".", "-")}`;
    const words = wordsOfField(name);
    const full = name === "model" ? { ...field, choices: this.#description.models[this.#task.modelKind] } : field;
    const made = control(full, words, id, (value) => this.#take(name, value));
    const hint = h("p", { class: "hint", id: `${id}-hint` }, words.hint ?? "");
    const problem = h("p", { class: "problem", id: `${id}-problem`, hidden: true });
    for (const input of made.inputs) input.setAttribute("aria-describedby", `${id}-hint ${id}-problem`);
    const element = h("div", { class: "field", data: { field: name } }, made.element, words.hint && hint, problem);
    made.write(this.#values(name)[name] ?? field.default);
    this.#rows.set(name, { field, words, control: made, problem, element });
    return element;
  }

  #take(name, value) {
    this.#values(name)[name] = value;
    const { problem, control } = this.#rows.get(name);
    problem.hidden = true;
    for (const input of control.inputs) input.removeAttribute("aria-invalid");
    this.#hideIdle();
    this.#changed();
  }

  #hideIdle() {
    for (const { words, element } of this.#rows.values()) element.hidden = !(words.when?.(this.#all, this) ?? true);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Put `safety.checkInputs` where it belongs. */
function place(sent, path, value) {
  const names = path.split(".");
  const last = names.pop();
  const target = names.reduce((object, name) => (object[name] ??= {}), sent);
  target[last] = value;
}
