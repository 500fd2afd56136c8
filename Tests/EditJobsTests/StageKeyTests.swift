import DragEditing
import Settings
import TensorCore
import TestSupport
import Testing

@testable import EditJobs

@Suite struct StageKeyTests {
    private let identity: ModelIdentity

    init() throws { identity = try ModelIdentity(folder: Fixtures.path("starter/model"), cache: nil) }

    private func key(_ request: EditRequest) -> String {
        SampledKey(
            request, inversion: InversionKey(request, fineTuning: FineTuningKey(request, identity, nil))
        ).digest
    }

    @Test func `other texts to compare with are another edit where there is an edit prompt`() {
        func request(_ wish: String?, others: [String]) -> EditRequest {
            var request = EditRequest(
                image: Tensor([1, 8, 8, 3], [Float](repeating: 0.5, count: 192)), sourcePrompt: "a face",
                editPrompt: wish, drags: [], settings: EditSettings())
            request.otherTexts = others
            return request
        }
        #expect(key(request("a lemon", others: ["a"])) == key(request("a lemon", others: ["a"])))
        #expect(key(request("a lemon", others: ["a"])) != key(request("a lemon", others: ["b"])))
        #expect(key(request(nil, others: ["a"])) == key(request(nil, others: ["b"])))
    }

    @Test func `regions of another size are another edit, although their middles are the same`() {
        let size = Size(height: 8, width: 8)
        func request(radius: Double) -> EditRequest {
            let middle = ImagePoint(x: 4, y: 4)
            let values = (0..<64).map {
                ImagePoint(x: Double($0 % 8), y: Double($0 / 8)).distance(to: middle) <= radius
            }
            let mask = EditMask(size: size, values: values)
            let drag = Drag(
                from: middle, to: ImagePoint(x: 5, y: 4), regions: RegionPair(from: mask, to: mask))
            return EditRequest(
                image: Tensor([1, 8, 8, 3], [Float](repeating: 0.5, count: 192)), sourcePrompt: "a face",
                drags: [drag], settings: EditSettings(), method: RegionDrag())
        }
        #expect(key(request(radius: 2)) == key(request(radius: 2)))
        #expect(key(request(radius: 2)) != key(request(radius: 3)))
    }
}
