import Diffusion
import DragEditing
import Foundation
import Imaging
import Settings
import TensorCore
import Testing
import TestSupport

/// Every recorded job, against the oracle, within the bounds of Tests/Fixtures/README.md.
@Suite struct JobParityTests {
    /// Deviations of one job, each over its usual bound: above 1 the job is outside the usual bound.
    private struct Deviations {
        var worstUsual = 0.0
        var problems: [String] = []

        mutating func add(_ what: String, _ error: Double, usual: Double, outer: Double) {
            worstUsual = max(worstUsual, error / usual)
            if !(error <= outer) { problems.append("\(what): \(error), outer bound \(outer)") }
        }
    }

    @Test func `all jobs keep the outer bound with equal handles, and nine in ten the usual one`() throws {
        #expect(FixtureJob.all.count == 24)
        var inside = 0
        for job in FixtureJob.all {
            let deviations = try compare(job)
            #expect(deviations.problems.isEmpty, "\(job): \(deviations.problems.joined(separator: "; "))")
            if deviations.worstUsual <= 1 {
                inside += 1
            } else {
                print("\(job): \(deviations.worstUsual) of the usual bound")
            }
        }
        #expect(
            10 * inside >= 9 * FixtureJob.all.count,
            "\(inside) of \(FixtureJob.all.count) within the usual bound")
    }

    private func compare(_ job: FixtureJob) throws -> Deviations {
        let run = try job.run()
        let rows = try #require(run.trace["iterations"] as? [[String: Any]])
        var found = Deviations()
        compareIterations(job, run.result.record, rows, run.trace, &found)
        try compareTensors(job, run.tensors, iterations: rows.count, &found)
        comparePicture(
            run.source.replacingSamples(run.result.image.values), try picture("\(job.folder)/result.png"),
            &found)
        return found
    }

    private func compareIterations(
        _ job: FixtureJob, _ record: EditRecord, _ rows: [[String: Any]], _ trace: [String: Any],
        _ found: inout Deviations
    ) {
        #expect(record.outcome.rawValue == trace["outcome"] as? String, "\(job)")
        #expect(record.iterations.count == rows.count, "\(job)")
        for (iteration, row) in zip(record.iterations, rows) {
            let handles = iteration.handles.map { [$0.column, $0.row] }
            #expect(handles == row["handles"] as? [[Int]], "\(job), iteration \(iteration.k)")
            for key in ["motion_loss", "clip_loss"] {
                let value = iteration.numbers[key]
                guard let expected = row[key] as? Double else { continue }
                let error = abs((value ?? .infinity) - expected) / max(abs(expected), 1e-12)
                found.add(
                    "\(key) \(iteration.k)", expected == 0 && value == 0 ? 0 : error, usual: 1e-3, outer: 2e-2
                )
            }
            if let expected = row["cosine"] as? Double {
                let error = abs((iteration.numbers["cosine"] ?? .infinity) - expected)
                if error > 2e-2 { found.problems.append("cosine \(iteration.k): off by \(error)") }
            }
        }
    }

    private func compareTensors(
        _ job: FixtureJob, _ tensors: [String: Tensor], iterations: Int, _ found: inout Deviations
    ) throws {
        let file = try Fixtures.tensors("\(job.folder)/trace.safetensors")
        var gradients: [String: [Double]] = [:]
        for key in file.entries.keys.sorted() where !key.hasSuffix(".handles") {
            let expected = try file.required(key)
            let isImage = expected.shape.count == 4
            let value = try #require(tensors[key], "\(job): \(key) was not recorded")
            let error = relativeError(value, isImage ? expected.channelsLast : expected)
            let kind = key.split(separator: ".").last.map(String.init) ?? ""
            switch key {
            case "mask.latent": found.add(key, error, usual: 1e-9, outer: 1e-9)
            case "text.states", "text.clip", "image.working": found.add(key, error, usual: 1e-4, outer: 1e-4)
            case "latent.sampled", "latent.sampled_reference": found.add(key, error, usual: 4e-3, outer: 8e-2)
            case "image.decoded", "image.result": found.add(key, error, usual: 3e-3, outer: 5e-2)
            case _ where kind.hasPrefix("grad"):
                gradients[kind, default: []].append(error)
                found.add(key, error, usual: .infinity, outer: 1e-1)
            default: found.add(key, error, usual: 3e-4, outer: 5e-3)
            }
        }
        for (kind, errors) in gradients {
            found.add("median \(kind)", errors.sorted()[errors.count / 2], usual: 3e-4, outer: 1e-1)
        }
    }

    private func comparePicture(_ result: Image, _ expected: Image, _ found: inout Deviations) {
        guard result.samples.count == expected.samples.count else {
            found.problems.append("result.png: \(result.width)×\(result.height)")
            return
        }
        let differences = zip(result.samples, expected.samples).map { abs(Int($0) - Int($1)) }
        let mean = Double(differences.reduce(0, +)) / Double(differences.count)
        found.add("result.png, mean", mean, usual: 0.5, outer: .infinity)
        found.add("result.png, largest", Double(differences.max() ?? 0), usual: 4, outer: .infinity)
    }
}
