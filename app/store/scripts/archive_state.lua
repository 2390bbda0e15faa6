-- prelude: room
-- The board at one instant, for an archive whose log has a hole.
-- ARGV: lecture id → {seq, ms, rev, kind, page, view, objects, values of ELEMENTS}, or 0
if get('lectureId') ~= ARGV[1] then return 0 end
return { tonumber(get('seq')), ms(DATE), tonumber(get('rev') or '0'), get('boardKind') or 'whole',
  tonumber(get('page') or '0'), get('currentWhiteboardData') or '', get('whiteboardObjects') or '',
  redis.call('HVALS', ELEMENTS) }
