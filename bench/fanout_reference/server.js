// The reference: Socket.IO's own server for Node, one room in one namespace, doing with an `edit` what
// Lectern does with it. WebSocket only and without compression (its default), as in the measurement.
// It prints its port once it listens.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });
const lecture = io.of("/lecture");
const ROOM = "room";

let seq = 0;
lecture.on("connection", (socket) => {
  socket.join(ROOM);
  socket.on("edit", (message, acknowledge) => {
    seq += 1;
    const update = { type: "whiteBoard", content: message.content, seq };
    lecture.to(ROOM).emit("update", update);
    if (typeof acknowledge === "function") acknowledge({ ok: true, rev: seq });
  });
});

http.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`listening ${http.address().port}`);
});
