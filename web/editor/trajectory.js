// A result's trajectory.json: its spec, to change and run again, and its handles' paths.

/** {spec, paths: [{from, to, points: [[x, y], …]}], steps, name} of a trajectory. Throws an Error that says what is wrong. */
function readTrajectory(text) {
  let record;
  try {
    record = JSON.parse(text);
  } catch {
    throw new Error("The file is no whole JSON text.");
  }
  if (!String(record?.schema).startsWith("clipdrag-trajectory/")) {
    throw new Error("The file is JSON, but no trajectory of clipdragd.");
  }
  const handles = record.handles ?? [];
  return {
    spec: specOfTrajectory(record, handles),
    size: { width: record.image.width, height: record.image.height },
    name: record.job?.name ?? "result",
    verdict: record.verdict ? verdictWords(record.verdict) : null,
    steps: record.steps ?? 0,
    paths: handles.map(({ from, to, path }) => ({ from, to, points: path?.length ? path : [from] })),
  };
}

/** A verdict in words: “drag moved, damage none”. Trajectories of version 1 have one word. */
function verdictWords(verdict) {
  if (typeof verdict === "string") return verdict;
  return Object.entries(verdict).filter(([, answer]) => answer).map(([question, answer]) => `${question} ${answer}`).join(", ");
}

function specOfTrajectory(record, handles) {
  const preset = TABLES.presets.includes(record.preset) ? record.preset : null;
  const method = TABLES.methods.some(({ name }) => name === record.method) ? record.method : null;
  return {
    ...EMPTY_SPEC,
    source: record.prompt?.source_origin === "spec" ? record.prompt.source : null,
    edit: record.prompt?.edit && record.prompt.edit !== record.prompt.source ? record.prompt.edit : null,
    drags: handles.map(({ from, to }) => ({ from, to })),
    preset,
    seed: record.seed === undefined ? null : String(record.seed),
    method,
    settings: settingsOfTrajectory(record.settings ?? {}, preset, method),
  };
}

/** The recorded settings that a spec must name to run the same under any model. */
function settingsOfTrajectory(recorded, preset, method) {
  const found = {};
  for (const setting of TABLES.settings) {
    const [group, member] = setting.name.split(".");
    const value = member ? recorded[group]?.[member] : recorded[group];
    if (value === undefined) continue;
    const text = setting.kind === "duration" && value !== null ? `${value}s`
      : typeof value === "number" ? plainNumber(value) : String(value);
    const isDefault = ["standard", "starter"]
      .every((model) => text === defaultSetting(setting.name, preset, method, model));
    if (!isDefault) found[setting.name] = text;
  }
  return found;
}
