import DragEditing
import Failures
import Imaging
import Settings

/// overlay.png: handle points, target points and the paths between them, drawn on the source. The stretch has a colour of its own.
struct OverlayOutput: ExtraOutput {
    var extra: OutputOptions.Extra { .overlay }

    func bytes(of edit: FinishedEdit) throws(Failure) -> [UInt8] {
        var image = edit.source
        for regions in edit.plan.drags.compactMap(\.regions) {
            image.outline(regions.from.values, .handle)
            image.outline(regions.to.values, .target)
        }
        return try Self.picture(image, edit.result).pngBytes()
    }

    /// The source with the drags drawn on it. It dims what the mask keeps.
    static func picture(_ source: Image, _ result: EditResult) -> Image {
        var image = source
        if let mask = result.mask { image.dim(outside: mask.values) }
        let stroke = image.strokeWidth
        let grid = result.record.grid
        for (i, handle) in result.record.handles.enumerated() {
            let path = result.record.path(ofDrag: i).map { grid.point(of: $0) }
            let (from, to) = (grid.point(of: handle.start), grid.point(of: handle.target))
            image.drawLine(from: (from.x, from.y), to: (to.x, to.y), width: stroke, .outline)
            let stretched =
                result.record.stretch == nil ? nil : result.record.guided(ofDrag: i) == nil ? 0 : 1
            for (n, (a, b)) in zip(path, path.dropFirst()).enumerated() {
                let colour: Colour = n == stretched ? .stretch : .path
                image.drawLine(from: (a.x, a.y), to: (b.x, b.y), width: stroke, colour)
            }
            image.drawDisc(x: to.x, y: to.y, radius: 2 * stroke, .target)
            image.drawDisc(x: from.x, y: from.y, radius: 2 * stroke, .handle)
        }
        return image
    }
}
