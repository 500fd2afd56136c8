import Diffusion
import Foundation
import JSON
import JobFiles
import Settings
import TensorCore
import TestSupport
import Testing
import Verdicts

@testable import DragEditing
@testable import EditJobs
@testable import Imaging

@Suite struct OutputTests {
    @Test func `every extra that a spec can ask for has one output, and no two outputs one name`() {
        let extras = ResultOutputs.extras
        #expect(Set(extras.map(\.extra)) == Set(OutputOptions.Extra.allCases))
        #expect(extras.count == OutputOptions.Extra.allCases.count)
        let keys = extras.map(\.key) + [PictureOutput().key, SpecOutput().key, "trajectory"]
        #expect(Set(keys).count == keys.count)
    }
}

@Suite struct OverlayTests {
    /// Colours of the middles of the way from (40, 128) to (100, 128) and of that from there to (180, 128), where a stretch ends.
    private func legs(guided: GridCell?) throws -> [Colour?] {
        let size = Size(height: 256, width: 256)
        let grid = FeatureGrid(working: size, image: size)
        let drag = Drag(from: ImagePoint(x: 40, y: 128), to: ImagePoint(x: 180, y: 128))
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        let grey = Tensor([1, 256, 256, 3], Array(repeating: 0.5, count: 256 * 256 * 3))
        var record = EditRecord(grid: grid, handles: [HandlePoint(drag, on: grid)])
        let (start, target) = (grid.cell(of: drag.handle), grid.cell(of: drag.target))
        record.stretch = EditRecord.Stretch(
            positions: [target], starts: [guided ?? start], seconds: 0, isWhole: true, isAlone: false)
        let result = EditResult(
            image: grey, decoded: grey, reconstruction: grey, unstretched: grey, working: grey,
            record: record, fineTuningLosses: [], lora: nil, unet: model.unet,
            text: model.textStates("a face"), timestep: 0, latentSize: size, maskVanished: false,
            seconds: [:], restored: [])
        let source = Image(width: 256, height: 256, samples: Array(repeating: 128, count: 256 * 256 * 3))
        let overlay = OverlayOutput.picture(source, result)
        return [70, 140].map { (x: Int) in
            let at = 3 * (128 * 256 + x)
            let samples = overlay.samples[at..<at + 3].map { Double($0) / 255 }
            return [Colour.path, .stretch].first { colour in
                let wanted: [Double] = [colour.red, colour.green, colour.blue]
                return zip(samples, wanted).allSatisfy { abs($0 - $1) < 0.01 }
            }
        }
    }

    @Test func `the way that a text moved a handle has the path's colour, the stretch its own`() throws {
        #expect(try legs(guided: GridCell(row: 64, column: 50)) == [.path, .stretch])
        #expect(try legs(guided: nil) == [.stretch, .stretch])
    }
}

@Suite struct TraceRecordTests {
    @Test func `the rows of a trace read back and are written as they were, a method's own names included`()
        throws
    {
        let text = """
            {"schema":"clipdrag-trace/1","iterations":[\
            {"k":0,"handles":[[1,2]],"distances":[3.5],"clip_loss":null,"motion_loss":0.5,"norm":2,"seconds":0.25},\
            {"k":1,"handles":[[4,2]],"distances":[0],"stopped":true}],\
            "outcome":"reached","timestep":700,"handles_final":[[4,2]],"handles_start":[[1,2]],"targets":[[4,2]],\
            "grid":[16,16],"radii":[1,3],"image":[96,64],"working":[96,64],"latent":[12,8],\
            "seconds":{"drag":1.5},"lora_losses":[0.125]}
            """
        let rows = try TraceRecord(reading: Array(text.utf8))
        #expect(rows.oneLine == text)
        #expect(rows.constants["radii"] == [1, 3] && rows.iterations[0].numbers["motion_loss"] == 0.5)
    }
}

@Suite struct TrajectoryTests {
    /// A short edit's record, as the command writes it.
    private static let text = """
        {"schema":"clipdrag-trajectory/2","job":{"id":"i","name":"cat","attempt":1,"host":"h","version":"0.1.0",\
        "started":"2026-01-01T00:00:00.000Z","finished":"2026-01-01T00:00:01.500Z",\
        "seconds":{"drag":1.25,"total":1.5},"restored":["fine-tune"],"peak_memory":1000},\
        "model":{"name":"starter","precision":"f32","sha256":"aa"},\
        "image":{"width":128,"height":96,"working_width":64,"working_height":48,"sha256":"bb"},\
        "prompt":{"source":"a","edit":"b","source_origin":"spec"},"preset":"recommended","method":"clipdrag","seed":42,\
        "settings":SETTINGS,"outcome":"max_steps",\
        "verdict":{"drag":"partly","text":"unclear","damage":"none"},"summary":"partly",\
        "evidence":{"text":{"score_source":0.25,"score_reconstruction":0.25,"score_result":0.5,\
        "standing_source":0.5,"standing_reconstruction":0.5,"standing_result":2,"lead_source":-1,"lead_result":0.5,\
        "contrast":{"source":-0.25,"reconstruction":-0.25,"result":0.125,"views_risen":1},"views_risen":1,\
        "rank_source":4,"rank_result":2,"texts":5},\
        "damage":{"changed":0.5,"lost":0.125,"new":0.25,"colour":0.5,"sharpness":0.75,"outside":0,\
        "outlines":{"likeness":0.875,"new":0,"strength":1}}},\
        "stretch":{"seconds":0.25},"steps":1,\
        "handles":[{"from":[1,2],"to":[3.5,4],"final":[2,3],"distance":1.75,"guided":[1.25,2],"stretched":[1.5,2.5],"verdict":"partly","part":0.5,"mismatch":0.125,\
        "similarity_before":0.25,"similarity_after":0.5,"similarity_possible":0.75,"path":[[1,2],[1.5,2.5],[2,3]]}],\
        "iterations":[{"k":0,"clip_loss":null,"motion_loss":0.125,"distances":[1.75],"handles":[[2,3]],"seconds":0.5}],\
        "change":{"inside":0.5,"outside":0,"noise":0.25},\
        "metrics":{"clip_score_source":0.25,"clip_score_reconstruction":0.25,"clip_score_result":null,"mean_distance":null},\
        "fine_tuning_losses":[0.5],"notes":["n"],"files":{"result":"result.png","spec":"spec.yaml"},\
        "sha256":{"result.png":"cc"}}
        """

    private func settings() -> String { JSONValue(encoding: RecordedSettings(.init())).line }

    @Test func `a trajectory reads back and is written as it was, byte for byte`() throws {
        let text = Self.text.replacing("SETTINGS", with: settings())
        let trajectory = try Trajectory(reading: Array(text.utf8))
        #expect(trajectory.json.line == text)
        #expect(trajectory.iterations[0].numbers["motion_loss"] == 0.125)
        #expect(trajectory.settings.settings == .init())
    }

    @Test func `the daemon reads of a trajectory whose result it is, and the digests of its files`() throws {
        let text = Self.text.replacing("SETTINGS", with: settings())
        let trajectory = try Trajectory(reading: Array(text.utf8))
        let record = try #require(ResultRecord(trajectory.bytes))
        #expect(record.job?.id == trajectory.job.id)
        #expect(record.sha256 == ["result.png": "cc"])
        #expect(record.verdict == EditVerdict(drag: .partly, text: .unclear, damage: .none))
    }

    @Test func `a setting out of its range, a missing key and another version are refused`() throws {
        let text = Self.text.replacing("SETTINGS", with: settings())
        func error(_ old: String, _ new: String) -> RecordError? {
            #expect(text.contains(old))
            return #expect(throws: RecordError.self) {
                try Trajectory(reading: Array(text.replacing(old, with: new).utf8))
            }
        }
        #expect(error("\"max_steps\":", "\"max_steps\":-") == .malformed("settings.max_steps"))
        #expect(error("\"seed\":42,", "") == .malformed("seed"))
        #expect(error("trajectory/2", "trajectory/1") == .otherSchema("clipdrag-trajectory/1"))
        #expect(
            error("\"source_origin\":\"spec\"", "\"source_origin\":\"x\"")
                == .malformed("prompt.source_origin"))
    }
}
