import Foundation
import HostileInput
import Testing

/// Every input that `make fuzz` begins with or has ever stumbled over, read again.
@Suite struct CorpusTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../Fuzz/corpus").standardizedFileURL

    @Test(arguments: Reader.allCases)
    func `no input of the corpus does harm, and the reader accepts good inputs and refuses bad ones`(
        _ reader: Reader
    ) throws {
        let folder = Self.corpus.appending(path: reader.rawValue)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))
        var good = 0
        for name in names {
            if reader.read(Array(try Data(contentsOf: folder.appending(path: name)))) { good += 1 }
        }
        #expect(good >= 5 && names.count - good >= 5, "\(good) of \(names.count) are good")
    }
}
