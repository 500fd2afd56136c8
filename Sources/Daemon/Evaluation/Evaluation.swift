import Diffusion
import DragEditing
import DurableFiles
import EditJobs
import Failures
import Foundation
import Imaging
import JobFiles
import JSON
import ModelManagement
import Settings
import SpecParser
import TensorCore
import Verdicts
import YAMLDocuments

/// Edits all cases by all methods and measures the results. One that is broken off goes on where it stopped.
///
///     OUT/rows.jsonl   a line an edit           OUT/results/   the edited pictures
///     OUT/README.md, *.svg   the page and its plots
public struct Evaluation {
    /// What is evaluated.
    public struct Options: Sendable {
        /// The methods' names.
        public var methods: [String]
        /// Values of `max_steps`, for the methods that have drag steps; empty: the spec's own alone.
        public var steps: [Int]
        /// Seeds of all randomness.
        public var seeds: [UInt64]
        /// What is set for every job.
        public var job: JobOptions

        /// Options.
        public init(methods: [String], steps: [Int], seeds: [UInt64], job: JobOptions) {
            self.methods = methods
            self.steps = steps
            self.seeds = seeds
            self.job = job
        }
    }

    /// Told what happens.
    public struct Reports {
        /// What all pending edits will take together, before the first; nil where it is not known.
        public var forecast: (_ edits: Int, _ seconds: Double?) -> Void
        /// Each row as it is done, with how many are done of how many.
        public var row: (_ row: EvaluationRow, _ done: Int, _ total: Int) -> Void

        /// What to call.
        public init(
            forecast: @escaping (Int, Double?) -> Void, row: @escaping (EvaluationRow, Int, Int) -> Void
        ) {
            self.forecast = forecast
            self.row = row
        }
    }

    private let folder: String
    private let out: String
    private let options: Options
    private let model: DiffusionModel
    private let cache: JobCache
    private let lpips: LPIPS?
    private let runs: [EvaluationRun]
    private let files = PosixFileSystem()

    /// - Parameters:
    ///   - folder: of cases.
    ///   - out: a folder for the results; made where it is not there.
    ///   - models: the folder of imported models, in which LPIPS's weights are looked for.
    /// - Throws: `evaluate.no_cases`, or what reading LPIPS's weights throws.
    public init(
        _ folder: String, out: String, _ options: Options, model: DiffusionModel, models: String,
        cache: JobCache
    ) throws(Failure) {
        self.folder = folder
        self.out = out
        self.options = options
        self.model = model
        self.cache = cache
        let weights = LPIPS.file(in: models)
        lpips = try FileManager.default.fileExists(atPath: weights) ? LPIPS(path: weights) : nil
        let cases = try EvaluationCase.all(in: folder)
        runs = Self.runs(cases, options)
    }

    /// Every run, case by case, so that a case's picture is read and fine-tuned on once.
    static func runs(_ cases: [EvaluationCase], _ options: Options) -> [EvaluationRun] {
        cases.flatMap { testCase in
            options.seeds.flatMap { seed in
                options.methods.flatMap { method -> [EvaluationRun] in
                    let hasSteps = DragMethods.named(method)?.settingNames.contains("max_steps") ?? false
                    let steps: [Int?] = hasSteps && !options.steps.isEmpty ? options.steps : [nil]
                    return steps.map {
                        EvaluationRun(testCase: testCase, method: method, steps: $0, seed: seed)
                    }
                }
            }
        }
    }

    /// Runs what is not done yet, and writes the page.
    ///
    /// - Parameter onlyForecast: whether it ends after the forecast.
    /// - Throws: `Failure` where a file cannot be written or belongs to another evaluation. An edit's failure is a row.
    public func run(onlyForecast: Bool = false, _ reports: Reports) throws {
        try prepareOut()
        var file = try RowFile("\(out)/rows.jsonl")
        let pending = runs.filter { run in !file.rows.contains(where: run.isOf) }
        reports.forecast(pending.count, try forecast(pending))
        if onlyForecast { return }
        var source: CaseMeasures?
        for (i, run) in pending.enumerated() {
            let row =
                try repeated(run, file.rows) ?? releasingMemory { try edit(run, &source) }
            try file.add(row)
            reports.row(row, runs.count - pending.count + i + 1, runs.count)
            // A page that shows whole cases, for a look in between.
            if i + 1 < pending.count, pending[i + 1].testCase != run.testCase { try writePage(of: file) }
        }
        try writePage(of: file)
    }

    private func writePage(of file: RowFile) throws(Failure) {
        let rows = file.rows.filter { row in runs.contains { $0.isOf(row) } }
        try write(EvaluationPage(rows, facts: facts))
    }

    /// The row and the picture of a run whose edit is known: with another limit it ended by itself before both.
    private func repeated(_ run: EvaluationRun, _ rows: [EvaluationRow]) throws(Failure) -> EvaluationRow? {
        guard let known = rows.first(where: { $0.endedBefore(run) }) else { return nil }
        let edit = EvaluationRun(
            testCase: run.testCase, method: run.method, steps: known.steps, seed: run.seed)
        // Without its picture the edit is made anew.
        guard let picture = try? files.read("\(out)/results/\(edit.fileName)") else { return nil }
        do {
            try files.replace("\(out)/results/\(run.fileName)", picture, mode: 0o644)
        } catch { throw Failure(error, .badOutput) }
        return known.repeated(for: run)
    }

    private func releasingMemory<T>(_ work: () throws -> T) rethrows -> T {
        defer { releaseIdleMemory() }
        return try work()
    }

    /// What the page says of the whole evaluation.
    private var facts: EvaluationPage.Facts {
        EvaluationPage.Facts(
            cases: Set(runs.map(\.testCase.name)).count, model: model.name, preset: options.job.preset,
            overrides: overrides, seeds: options.seeds,
            features: PointMatching.label(model), hasLPIPS: lpips != nil)
    }

    /// The settings that override those of all specs, as `--set` has them.
    private var overrides: [String] {
        options.job.overrides.map { "\($0.name)=\(JSONValue(encoding: $0.value).line)" }
    }

    /// Makes the folder. A folder that holds an evaluation by another model or with other settings is refused.
    private func prepareOut() throws(Failure) {
        let record = EvaluationRecord(
            model: model.name, preset: options.job.preset,
            overrides: overrides)
        let path = "\(out)/evaluation.json"
        do {
            for folder in [out, "\(out)/results"] {
                if try files.status(folder) == nil { try files.createDirectory(folder) }
            }
            guard try files.status(path) != nil else {
                try files.create(path, record.bytes, mode: 0o644)
                return
            }
            guard try files.read(path) == record.bytes else {
                throw Failure(
                    .badOutput, code: "out.not_empty",
                    message: "\(out) holds an evaluation of another model or with other settings", file: out,
                    hint: "Give a new folder.")
            }
        } catch let failure as Failure { throw failure } catch let error as FileError {
            throw Failure(error, .badOutput)
        } catch { throw Failure(unexpected: error) }
    }

    /// Seconds of all runs; each fine-tuning of a case counts once, since the cache keeps it. nil where nothing is known.
    private func forecast(_ runs: [EvaluationRun]) throws -> Double? {
        var tuned: Set<String> = []
        var paces: [String: EditPace] = [:]
        var seconds = 0.0
        for run in runs {
            guard let plan = try? plan(run), let size = plan.latentSize(model.folder) else { continue }
            let key = "\(size) \(EditPace.key(plan.settings, plan.method))"
            let pace = try paces[key] ?? RememberedPace(of: model, size: size, plan: plan, cache: cache).pace
            paces[key] = pace
            let lora = "\(run.testCase.name) \(run.seed) \(plan.settings.lora)"
            let isKnown = !tuned.insert(lora).inserted
            seconds +=
                pace.forecast(
                    plan.cost(latent: size), budget: plan.settings.budget,
                    without: isKnown ? [.fineTuning] : []
                ).seconds
        }
        return paces.isEmpty ? nil : seconds
    }

    /// The plan of a run.
    private func plan(_ run: EvaluationRun) throws(Failure) -> JobPlan {
        var options = self.options.job
        options.methodOverride = run.method
        options.hasDiscsAsRegions = run.method == RegionDrag().name
        options.spec.seed = run.seed
        if let steps = run.steps {
            options.overrides.append(
                SettingAssignment(name: "max_steps", value: .integer(steps), mark: .start))
        }
        return try JobPlan(
            spec: run.testCase.spec, image: nil, isImageNeeded: true,
            recommended: try ModelStore.recommended(model.folder), model: model.folder, options: options)
    }

    /// One edit with its measures.
    ///
    /// - Parameter source: the measures of the present case's source, made where they are another case's.
    private func edit(_ run: EvaluationRun, _ source: inout CaseMeasures?) throws -> EvaluationRow {
        var row = EvaluationRow(run)
        do {
            let plan = try plan(run)
            row.fineTuningSteps = plan.settings.lora.steps
            let isFresh = ProcessMemory.resetPeak()
            let products = try EditJob(model, options.job).run(
                plan, identity: JobIdentity(id: run.fileName, name: run.testCase.name),
                imagePath: run.testCase.spec, cache: cache, report: { _ in })
            row.peakMemory = isFresh ? ProcessMemory.peak : nil
            if source?.name != run.testCase.name {
                source = nil
                source = try CaseMeasures(run.testCase, plan, model, lpips)
            }
            products.settle()
            guard let result = products.files.first, let record = products.files.last else { return row }
            try read(try Trajectory(reading: record.bytes), into: &row)
            try source?.measure(try Image(decoding: result.bytes), plan, into: &row)
            try files.replace("\(out)/results/\(run.fileName)", result.bytes, mode: 0o644)
        } catch let failure as Failure {
            (row.failure, row.message) = (failure.code, failure.message)
        }
        return row
    }

    private func read(_ trajectory: Trajectory, into row: inout EvaluationRow) throws {
        (row.updates, row.outcome) = (trajectory.steps, trajectory.outcome.rawValue)
        (row.verdict, row.damage) = (trajectory.summary.rawValue, trajectory.verdict.damage.rawValue)
        row.restored = trajectory.job.restored.map(\.rawValue)
        for (key, value) in trajectory.job.seconds.all where key != "total" { row.seconds[key] = value }
        row.clipScore = trajectory.metrics.clipScoreResult
        row.clipScoreSource = trajectory.metrics.clipScoreSource
    }

    private func write(_ page: EvaluationPage) throws(Failure) {
        do {
            for (name, text) in page.files {
                try files.replace("\(out)/\(name)", Array(text.utf8), mode: 0o644)
            }
        } catch { throw Failure(error, .badOutput) }
    }
}

/// evaluation.json: what a folder's rows were made with.
struct EvaluationRecord: Record {
    static let schema = "clipdrag-evaluation/1"
    let model, preset: String
    let overrides: [String]
}
