// What the web clients that exist do, and nothing that they do not: no acknowledgements, no new
// fields, one connection that starts on polling, one offer, candidates as events, binary boards.
"use strict";

const client = {log: [], updates: [], asked: [], ended: [], responses: [], serverAnswer: null, reconnected: null};

async function rest(server, method, path, token, body) {
  const headers = {};
  if (token) headers.Authorization = token;
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(server + path, {method, headers, body: body && JSON.stringify(body)});
  const text = await response.text();
  return {status: response.status, body: text ? JSON.parse(text) : null};
}

async function gzip(value) {
  const stream = new Blob([JSON.stringify(value)]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function gunzip(binary) {
  if (!(binary instanceof ArrayBuffer)) throw new Error("objects came as " + typeof binary);
  if (!binary.byteLength) return null;
  const stream = new Blob([binary]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

async function board(objects, at) {
  return {
    objects: objects ? await gzip(objects) : new Uint8Array(0),
    viewport: [1, 0, 0, 1, 0, 0], eventTime: at, width: 1280, height: 720,
  };
}

function play(connection) {
  connection.ontrack = (event) => {
    const element = document.getElementById(event.track.kind);
    element.srcObject = new MediaStream([event.track]);
    element.play();
  };
}

function openLecture(manager, token) {
  const lecture = manager.socket("/lecture", {auth: {accessToken: token, refreshToken: ""}});
  lecture.on("connect", () => client.log.push("lecture connected"));
  lecture.on("update", async (message) => client.updates.push({
    type: message.type, content: message.content, objects: await gunzip(message.content.objects),
  }));
  lecture.on("asked", (message) => client.asked.push(message));
  lecture.on("ended", (message) => {
    client.ended.push(message);
    lecture.emit("leave", {type: "lecture", roomId: client.roomId});
  });
  lecture.on("response", (message) => {
    client.responses.push(message);
    client.lecture.disconnect();
    client.entry.disconnect();
  });
  client.lecture = lecture;
}

function negotiate(entry, connection, idField, token, manager, sessionToken) {
  connection.onicecandidate = (event) => {
    if (event.candidate) entry.emit("clientCandidate", {candidate: event.candidate, [idField]: entry.id});
  };
  connection.oniceconnectionstatechange = () => {
    client.log.push("ice " + connection.iceConnectionState);
    if (connection.iceConnectionState === "connected" && !client.lecture) {
      openLecture(manager, sessionToken());
    }
  };
  entry.on("serverAnswer", async (message) => {
    client.serverAnswer = message;
    await connection.setRemoteDescription(message.SDP);
  });
  entry.on("serverCandidate", async (message) => {
    client.log.push("server candidate");
    await connection.addIceCandidate(message.candidate);
  });
}

async function present(server, token, roomId, objects) {
  client.roomId = roomId;
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  const details = await board(objects, Date.now());
  const manager = new io.Manager(server);
  const entry = manager.socket("/create-room", {auth: {accessToken: token, refreshToken: ""}});
  client.entry = entry;
  const connection = new RTCPeerConnection();
  for (const track of stream.getTracks()) connection.addTrack(track, stream);
  negotiate(entry, connection, "presenterSocketId", token, manager, () => token);
  entry.on("reconnectPresenter", (message) => { client.reconnected = message; });
  entry.on("connect", async () => {
    if (client.offered) return;
    client.offered = true;
    const offer = await connection.createOffer();
    entry.emit("presenterOffer", {socketId: entry.id, roomId, SDP: offer});
    entry.emit("whiteboardInit", {roomId, whiteboardDetails: details});
    await connection.setLocalDescription(offer);
  });
  client.manager = manager;
}

async function attend(server, token, roomId) {
  client.roomId = roomId;
  const manager = new io.Manager(server);
  const entry = manager.socket("/enter-room", {auth: {accessToken: token, refreshToken: ""}});
  client.entry = entry;
  const connection = new RTCPeerConnection();
  play(connection);
  negotiate(entry, connection, "studentSocketId", token, manager, () => token || client.guestId);
  entry.on("connect", async () => {
    if (client.offered) return;
    client.offered = true;
    client.guestId = entry.id;
    const offer = await connection.createOffer({offerToReceiveAudio: true, offerToReceiveVideo: true});
    entry.emit("studentOffer", {socketId: entry.id, roomId, SDP: offer});
    await connection.setLocalDescription(offer);
  });
  client.manager = manager;
}

async function edit(objects) {
  const content = await board(objects, Date.now());
  client.lecture.emit("edit", {type: "whiteBoard", roomId: client.roomId, content});
}

function ask(content) {
  client.lecture.emit("ask", {type: "question", roomId: client.roomId, content});
}

function solve(questionId) {
  client.lecture.emit("solved", {type: "question", roomId: client.roomId, questionId});
}

function end() {
  client.lecture.emit("end", {type: "lecture", roomId: client.roomId});
  client.lecture.disconnect();
  client.entry.disconnect();
}

async function firstBoard() {
  return await gunzip(client.serverAnswer.whiteboard.objects);
}

// The replay: every log's objects are inflated as they stand, whatever they are.
async function replay(record) {
  const boards = [];
  for (const log of record.logs) {
    if (!Array.isArray(log.viewport)) throw new Error("no viewport");
    boards.push(await gunzip(new Uint8Array(log.objects).buffer));
  }
  return boards;
}
