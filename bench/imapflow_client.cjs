// Fetch and parse Inbox and Sent with imapflow and mailparser: node imapflow_client.cjs MODULES PORT USER PASSWORD
const [modules, port, user, pass] = process.argv.slice(2);
const { ImapFlow } = require(`${modules}/imapflow`);
const { simpleParser } = require(`${modules}/mailparser`);

(async () => {
    const client = new ImapFlow({ host: "127.0.0.1", port: Number(port), secure: false, doSTARTTLS: false, auth: { user, pass }, logger: false });
    await client.connect();
    let count = 0;
    for (const folder of ["INBOX", "Sent"]) {
        const lock = await client.getMailboxLock(folder, { readOnly: true });
        for await (const message of client.fetch("1:*", { uid: true, flags: true, source: true })) {
            const parsed = await simpleParser(message.source);
            count += parsed.headers.size > 0;
        }
        lock.release();
    }
    await client.logout();
    if (count === 0) process.exit(1);
})();
