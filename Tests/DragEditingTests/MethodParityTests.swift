import Diffusion
import DragEditing
import Foundation
import Imaging
import Settings
import TensorCore
import Testing
import TestSupport

/// Every method against the oracle's: handles equal in every iteration, tensors and losses within what noise of 1e-5 on the inverted
/// latent does to the oracle itself (the fixtures' README, "Methods").
@Suite struct MethodParityTests {
    @Test func `every method that follows a gradient has recorded jobs`() {
        let proven = Set(FixtureJob.ofMethods.keys)
        let following = DragMethods.all.compactMap { ($0 as? any GradientMethod)?.name }
        #expect(proven.isSuperset(of: following))
    }

    @Test(arguments: FixtureJob.ofMethods.keys.sorted())
    func `a method's edits are the oracle's within the measured noise`(_ method: String) throws {
        let jobs = try #require(FixtureJob.ofMethods[method])
        var bounds: [String: Double] = [:]
        for job in jobs {
            let trace = try #require(try Fixtures.json("\(job.folder)/trace.json") as? [String: Any])
            let noise = try #require(trace["noise"] as? [String: Double], "\(job)")
            bounds.merge(noise) { max($0, $1) }
        }
        for job in jobs { try compare(job, bounds) }
    }

    private func compare(_ job: FixtureJob, _ bounds: [String: Double]) throws {
        let run = try job.run()
        try compareIterations(job, run.result.record, run.trace, bounds)
        let file = try Fixtures.tensors("\(job.folder)/trace.safetensors")
        for key in file.entries.keys.sorted() where !key.hasSuffix(".handles") && key != "mask.latent" {
            let expected = try file.required(key)
            let value = try #require(run.tensors[key], "\(job): \(key) was not recorded")
            let error = relativeError(value, expected.shape.count == 4 ? expected.channelsLast : expected)
            let last = key.split(separator: ".").last.map(String.init) ?? ""
            // What comes before the method keeps the bound of every job.
            let bound = bounds[key.hasPrefix("iter.") ? last : key] ?? 3e-4
            #expect(error <= bound, "\(job): \(key)")
        }
    }

    private func compareIterations(
        _ job: FixtureJob, _ record: EditRecord, _ trace: [String: Any], _ bounds: [String: Double]
    ) throws {
        let rows = try #require(trace["iterations"] as? [[String: Any]])
        #expect(record.outcome.rawValue == trace["outcome"] as? String, "\(job)")
        #expect(record.iterations.count == rows.count, "\(job)")
        for (iteration, row) in zip(record.iterations, rows) {
            let handles = iteration.handles.map { [$0.column, $0.row] }
            #expect(handles == row["handles"] as? [[Int]], "\(job), iteration \(iteration.k)")
            for key in ["motion_loss", "clip_loss"] {
                guard let expected = row[key] as? Double, expected != 0 else { continue }
                let error = abs((iteration.numbers[key] ?? .infinity) - expected) / abs(expected)
                #expect(error <= bounds[key] ?? 0, "\(job): \(key) \(iteration.k)")
            }
        }
    }
}
