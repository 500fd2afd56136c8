import DurableFiles
import Failures
import Foundation
import JobFiles
import ModelManagement
import SystemPackage
import Testing
import TestSupport

/// An import that dies at any of its file calls: no model is ever seen half, and the next import makes it whole.
@Suite struct ModelImportFaultTests {
    private let source = Fixtures.path("sd21/model")
    private let real = PosixFileSystem()

    private func contents(_ folder: String) throws -> [String] {
        let all = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return all.sorted()
    }

    @Test(arguments: [false, true])
    func `after any failed call the model is complete or absent, and a second import completes it`(
        _ after: Bool
    )
        throws
    {
        let scratch = try ScratchFolder()
        let models = "\(scratch.path)/models"
        var work = ModelImport(source: source)
        work.name = "x"
        let counter = FaultyFileSystem(failing: .max)
        _ = try work.run(into: "\(scratch.path)/count", counter)
        #expect(counter.count > 60)
        let expected = try contents(source)
        // Every call near both ends, where folders are made and names given; every seventh amid the copying.
        let calls = (1...counter.count).filter { $0 < 12 || $0 > counter.count - 12 || $0 % 7 == 0 }
        for n in calls {
            let faulty = FaultyFileSystem(failing: n, dieAfter: after)
            #expect(throws: Failure.self) { try work.run(into: models, faulty) }
            let isThere = FileManager.default.fileExists(atPath: "\(models)/x")
            // The last call gives the name; only what died after it has published.
            #expect(isThere == (after && n == counter.count), "call \(n)")
            if isThere {
                #expect(try contents("\(models)/x") == expected, "call \(n)")
            } else {
                #expect(ModelStore(stateFolder: scratch.path).all.allSatisfy { $0.name != "x" }, "call \(n)")
                _ = try work.run(into: models, real)
                #expect(try contents("\(models)/x") == expected, "call \(n)")
                #expect(try FileManager.default.contentsOfDirectory(atPath: models) == ["x"], "call \(n)")
            }
            try real.removeTree(models)
        }
    }

    @Test func `the error of a full disk says so`() throws {
        let scratch = try ScratchFolder()
        var work = ModelImport(source: source)
        work.name = "x"
        let error = #expect(throws: Failure.self) {
            try work.run(
                into: "\(scratch.path)/models", FaultyFileSystem(failing: 40, error: .noSpace))
        }
        #expect(error?.exit == .cannotCreate)
        #expect(error?.message.contains("No space left") == true, "\(error?.message ?? "")")
    }
}
