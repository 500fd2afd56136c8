import Diffusion
import DragEditing
import DurableFiles
import EditJobs
import Failures
import Foundation
import SpecParser
import TestSupport
import Testing

@testable import Evaluation

/// A whole evaluation on a tiny model: its rows, its page, and that it goes on where it stopped.
@Suite struct EvaluationTests {
    private let folder: Scratch
    private let model: DiffusionModel

    init() throws {
        folder = try Scratch()
        model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        let picture = Fixtures.path("starter/lora_training.png")
        for (name, spec) in [
            (
                "a",
                "image: image.png\nprompt: {source: a face}\ndrags: [{from: [20, 20], to: [34, 24]}]\nmask: {circle: [27, 22, 20]}\n"
            ),
            ("b", "image: image.png\nprompt: {source: a face, edit: a sad face}\n"),
        ] {
            let path = "\(folder.path)/cases/\(name)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: picture, toPath: "\(path)/image.png")
            try Data(spec.utf8).write(to: URL(filePath: "\(path)/spec.yaml"))
        }
        try FileManager.default.copyItem(atPath: picture, toPath: "\(folder.path)/cases/a/target.png")
        try FileManager.default.createDirectory(
            atPath: "\(folder.path)/cases/no case", withIntermediateDirectories: true)
    }

    private func evaluation(
        _ methods: [String], seeds: [UInt64] = [1], set: [String] = ["lora.steps=1", "num_steps=4"]
    ) throws -> Evaluation {
        var job = JobOptions()
        job.overrides = try set.map { try parseSetting($0) }
        let cache = ContentCache(folder: "\(folder.path)/cache", limit: 1 << 30)
        return try Evaluation(
            "\(folder.path)/cases", out: "\(folder.path)/out",
            Evaluation.Options(methods: methods, steps: [1, 2], seeds: seeds, job: job), model: model,
            models: "\(folder.path)/models", cache: JobCache(cache))
    }

    /// The rows that a run adds, and what it has forecast.
    private func rows(_ evaluation: Evaluation, only: Bool = false) throws -> (
        rows: [EvaluationRow], edits: Int, seconds: Double?
    ) {
        var rows: [EvaluationRow] = []
        var (edits, seconds) = (-1, Double?.none)
        try evaluation.run(
            onlyForecast: only,
            .init(
                forecast: { (edits, seconds) = ($0, $1) },
                row: { row, done, total in
                    rows.append(row)
                    #expect(done <= total)
                }))
        return (rows, edits, seconds)
    }

    private func text(_ name: String) throws -> String {
        try String(contentsOf: URL(filePath: "\(folder.path)/out/\(name)"), encoding: .utf8)
    }

    @Test func `every edit gets a row, and the page has its figures`() throws {
        let forecast = try rows(try evaluation(["clipdrag", "fastdrag"]), only: true)
        #expect(forecast.edits == 6 && forecast.rows.isEmpty && forecast.seconds ?? 0 > 0)
        let done = try rows(try evaluation(["clipdrag", "fastdrag"])).rows
        #expect(done.map(\.name) == ["a", "a", "a", "b", "b", "b"])
        #expect(done.map(\.steps) == [1, 2, nil, 1, 2, nil])
        #expect(done.map(\.failure) == [nil, nil, nil, nil, nil, "edit.no_drags"])
        for row in done where row.name == "a" {
            #expect(row.meanDistance != nil && row.meanDistanceInMask != nil)
            #expect(row.outsidePSNR == 99, "the source's own pixels stay")
            // Windows of pixels beside the mask reach into it.
            #expect((0.9...1).contains(row.outsideSSIM ?? 0))
            #expect(row.targetPSNR == nil, "nothing differs from the target")
            #expect(row.verdict != nil && row.seconds["sample"] != nil)
            #expect(row.fineTuningSteps == (row.method == "fastdrag" ? 0 : 1))
        }
        #expect(done[1].restored.contains("fine-tune"))
        let page = try text("README.md")
        #expect(page.contains("| `clipdrag` | 1 |") && page.contains("| `fastdrag` | – |"))
        #expect(page.contains(PointMatching.label(model)))
        #expect(page.contains("`fastdrag`: edit.no_drags"))
        #expect(page.contains("IF is missing"))
        #expect(try text("distance.svg").hasPrefix("<svg"))
        #expect(FileManager.default.fileExists(atPath: "\(folder.path)/out/results/a.clipdrag.2.1.png"))
    }

    @Test func `an evaluation that was broken off goes on, and does nothing twice`() throws {
        _ = try rows(try evaluation(["none"]))
        let path = "\(folder.path)/out/rows.jsonl"
        let lines = try text("rows.jsonl").split(separator: "\n")
        #expect(lines.count == 2)
        // A break in the middle of the second line.
        try Data((lines[0] + "\n" + lines[1].dropLast(20)).utf8).write(to: URL(filePath: path))
        let again = try rows(try evaluation(["none"]))
        #expect(again.edits == 1 && again.rows.map(\.name) == ["b"])
        #expect(try rows(try evaluation(["none"])).edits == 0)
        let more = try rows(try evaluation(["none"], seeds: [1, 2]))
        #expect(more.edits == 2 && more.rows.map(\.seed) == [2, 2])
        #expect(try text("README.md").contains(" ± "))
    }

    @Test func `an edit that ended by itself is not made again under a higher limit`() throws {
        // Every handle lies within reach of its target: the edit ends before its first update.
        let settings = ["lora.steps=1", "num_steps=4", "reach=1000", "fusion=drag"]
        let done = try rows(try evaluation(["dragdiffusion"], set: settings)).rows.filter { $0.name == "a" }
        #expect(done.map(\.steps) == [1, 2] && done.map(\.updates) == [0, 0])
        #expect(done.map(\.outcome) == ["reached", "reached"])
        #expect(done.map(\.repeatedSteps) == [nil, 1])
        #expect(done[0].meanDistance == done[1].meanDistance && done[0].seconds == done[1].seconds)
        let pictures = try [1, 2].map {
            try Data(
                contentsOf: URL(filePath: "\(folder.path)/out/results/a.dragdiffusion.\($0).1.png"))
        }
        #expect(pictures[0] == pictures[1])
    }

    @Test func `the page shows whole cases in between, and says how many they are`() throws {
        var pages: [String] = []
        try evaluation(["none"]).run(
            .init(
                forecast: { _, _ in },
                row: { _, done, _ in if done == 2 { pages = [(try? text("README.md")) ?? ""] } }))
        #expect(pages.first?.contains("1 of 2 cases so far") == true)
        #expect(try text("README.md").contains("\n2 cases, model"))
    }

    @Test func `an edit that its limit ended is made again under a higher one`() throws {
        let done = try rows(try evaluation(["dragdiffusion"])).rows.filter { $0.name == "a" }
        #expect(done.map(\.outcome) == ["max_steps", "max_steps"] && done.map(\.updates) == [1, 2])
        #expect(done.map(\.repeatedSteps) == [nil, nil])
    }

    @Test func `points without a mask are discs for the method of regions`() throws {
        let spec = "\(folder.path)/cases/a/spec.yaml"
        try Data("image: image.png\nprompt: a face\ndrags: [{from: [20, 20], to: [34, 24]}]\n".utf8)
            .write(to: URL(filePath: spec))
        let row = try #require(try rows(try evaluation(["regiondrag"])).rows.first)
        #expect(row.name == "a" && row.failure == nil && row.verdict != nil)
        let size = Size(height: 64, width: 128)
        let drag = Drag(from: ImagePoint(x: 20, y: 20), to: ImagePoint(x: 100, y: 60))
        let discs = RegionPair(discsAround: drag, size: size)
        // 5/64 of 128 pixels: a radius of 10, cut by the lower border at the target.
        #expect(discs.from.values.count { $0 } == 317 && discs.to.values.count { $0 } < 317)
        #expect(discs.from.values[20 * 128 + 30] && !discs.from.values[20 * 128 + 31])
    }

    @Test func `a folder of another evaluation is refused, and so is a folder without cases`() throws {
        _ = try rows(try evaluation(["none"]))
        let other = try evaluation(["none"], set: ["lora.steps=0", "num_steps=4"])
        #expect(#expect(throws: Failure.self) { try rows(other) }?.code == "out.not_empty")
        #expect(
            #expect(throws: Failure.self) { try EvaluationCase.all(in: "\(folder.path)/cases/a") }?.code
                == "evaluate.no_cases")
    }

    @Test func `summaries show the spread of the seeds' means, and restored stages count`() throws {
        func row(_ seed: UInt64, _ value: Double, _ seconds: [String: Double], _ restored: [String])
            -> EvaluationRow
        {
            let testCase = EvaluationCase(name: "a", spec: "", target: nil)
            var row = EvaluationRow(EvaluationRun(testCase: testCase, method: "none", steps: nil, seed: seed))
            (row.meanDistance, row.seconds, row.restored) = (value, seconds, restored)
            return row
        }
        let rows = [
            row(1, 2, ["fine-tune": 8, "sample": 1], []), row(1, 4, ["sample": 1], ["fine-tune"]),
            row(2, 6, ["sample": 1], ["fine-tune"]),
        ]
        let summary = try #require(EvaluationSummary.all(rows).first)
        let figure = try #require(summary.figure { $0.meanDistance })
        #expect(figure.mean == 4)
        #expect(abs((figure.spread ?? 0) - 4.5.squareRoot()) < 1e-12)
        #expect(rows.map { StageTimes(rows).seconds(of: $0) } == [9, 9, 9])
    }
}
