/// What every page has: its head, its style, and who made it.
struct PageFrame {
  /// By this in its first lines a page of ours is known.
  static let generator = "<meta name=\"generator\" content=\"plumbline lab\">"

  let title: String
  let body: Markup

  var html: String {
    let page: Markup = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="generator" content="plumbline lab">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
      style-src 'unsafe-inline'">
      <title>\(title) - Plumbline lab</title>
      <style>
      \(Self.style)
      </style>
      </head>
      <body>
      \(body)
      <footer><p>Made by <code>plumbline lab run --html</code>.</p></footer>
      </body>
      </html>

      """
    return page.text
  }

  // Colours are at least 4.5:1 on their grounds, signs and lines at least 3:1.
  private static let style: Markup = """
    :root{--ground:#fff;--ink:#1d2329;--muted:#57606a;--line:#c9d1d9;--soft:#f4f6f8;--link:#0550ae;\
    --good:#116329;--bad:#b31d28;--other:#7a4b00;--box:#f4f6f8;--receiver:#eaf2fb}
    @media screen and (prefers-color-scheme:dark){:root{--ground:#14181d;--ink:#e3e8ee;\
    --muted:#a0abb6;--line:#424b55;--soft:#1d232a;--link:#7cb7ff;--good:#5fcf7f;--bad:#ff8a80;\
    --other:#e5b567;--box:#1d232a;--receiver:#1c2a3a}}
    *{box-sizing:border-box}
    body{margin:0 auto;max-width:1340px;padding:0 1rem 2rem;background:var(--ground);\
    color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",\
    "Liberation Sans",Arial,sans-serif;overflow-wrap:anywhere}
    a{color:var(--link)}
    h1{font-size:1.7rem;line-height:1.25;margin:.6rem 0 .4rem}
    h2{font-size:1.25rem;margin:2rem 0 .6rem;padding-bottom:.2rem;border-bottom:1px solid var(--line)}
    h3{font-size:1.1rem;margin:1.4rem 0 .4rem}
    h4{font-size:1rem;margin:1.2rem 0 .3rem}
    p{margin:.4rem 0}
    .lead{font-size:1.05rem;max-width:60em}
    .muted{color:var(--muted);font-size:.875rem;font-weight:normal}
    nav{display:flex;flex-wrap:wrap;gap:.2rem 1.5rem;margin-top:.8rem;font-size:.9rem}
    .badge{display:inline-block;font-weight:600;border:1px solid;border-radius:6px;\
    padding:.1rem .6rem;margin:.3rem 0}
    .ok{color:var(--good)}
    .differs{color:var(--bad)}
    .icon{width:.75em;height:.75em;margin-right:.4em;overflow:visible}
    .said{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
    .sign{fill:none;stroke-width:2.2;stroke-linecap:round;stroke-linejoin:round}
    .sign.good{stroke:var(--good)}
    .sign.bad{stroke:var(--bad)}
    .sign.other{stroke:var(--other)}
    .sign.absent{stroke:var(--muted)}
    figure{margin:0}
    svg.path{display:block;width:100%;height:auto;\
    font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",Arial,sans-serif}
    svg.wide{display:none}
    svg.narrow{margin:0 auto}
    @media (min-width:1000px){svg.wide{display:block}svg.narrow{display:none}}
    svg.path text{fill:var(--ink);font-size:12.5px}
    svg.path .name{font-size:15px;font-weight:700}
    svg.path .deed,svg.path .verdict{font-size:13.5px}
    svg.path .verdict{font-weight:700}
    svg.path .host,svg.path .caption,svg.path .label{fill:var(--muted)}
    svg.path .caption{font-weight:700}
    .box{fill:var(--box);stroke:var(--line);stroke-width:1.2}
    .box.receiver{fill:var(--receiver);stroke:var(--link)}
    .rule{stroke:var(--line);fill:none}
    .arrow{fill:none;stroke:var(--muted);stroke-width:1.6}
    .arrow.again{stroke-dasharray:2 5;stroke-linecap:round}
    .tip{fill:var(--muted)}
    figcaption{color:var(--muted);font-size:.875rem;margin-top:.5rem}
    .legend{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.5rem;padding:0;margin:.2rem 0}
    .steps li{margin:.4rem 0}
    .found{list-style:none;padding-left:1rem;font-size:.9rem}
    .found li{margin:0}
    summary{cursor:pointer;color:var(--link)}
    table{border-collapse:collapse;width:100%;margin:.6rem 0}
    th,td{text-align:left;vertical-align:top;padding:.35rem .7rem .35rem 0;\
    border-bottom:1px solid var(--line)}
    thead th{color:var(--muted);font-size:.875rem;overflow-wrap:normal}
    tbody th{font-weight:600}
    .checks th:first-child{width:19%}
    .checks td:last-child{width:31%}
    .zone tbody th{font-weight:normal;width:38%}
    .zone,pre,code{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",\
    "DejaVu Sans Mono",monospace;font-size:.82rem}
    .zone thead th{font-family:system-ui,sans-serif}
    .index td:last-child{white-space:nowrap;width:8.5em}
    .index td:nth-child(2){width:32%}
    .index tbody th a{font-weight:600}
    .index tr.group th{font-size:1.15rem;padding-top:1.4rem}
    .groups{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.5rem;padding:0;margin:.3rem 0}
    .differences li{margin:.2rem 0}
    .line{font-size:.82rem;white-space:nowrap}
    .why{margin:.8rem 0;max-width:70em}
    .why dt{font-weight:600}
    .why dd{margin:0 0 .4rem}
    pre{margin:0;white-space:pre-wrap}
    .header,.xml,.source{background:var(--soft);border:1px solid var(--line);border-radius:6px;\
    padding:.5rem .6rem}
    .header pre{padding-left:1.4em;position:relative}
    .header pre.new::before,.header pre.changed::before,.mark{color:var(--other);font-weight:700}
    .header pre.new::before,.header pre.changed::before{position:absolute;left:.2em}
    .header pre.new::before{content:"+"}
    .header pre.changed::before{content:"~"}
    .header pre.new,.header pre.changed{background:color-mix(in srgb,var(--other) 9%,transparent)}
    .source{counter-reset:line;padding-left:0}
    .source .row{display:block;min-height:1.5em;padding-left:3.4em;position:relative;counter-increment:line}
    .source .row::before{content:counter(line);position:absolute;left:0;width:2.4em;text-align:right;\
    color:var(--muted)}
    .source .marked,.source .row:target{background:color-mix(in srgb,var(--other) 22%,transparent)}
    .pair{display:grid;gap:0 2rem}
    .pair>*{min-width:0}
    @media (min-width:1000px){.pair{grid-template-columns:1fr 1fr}}
    @media (max-width:600px){.xml,.source{word-break:break-all}body{font-size:15px;padding:0 .7rem 1.5rem}h1{font-size:1.4rem}\
    th,td{padding-right:.45rem}.index td:nth-child(2){width:34%}.index td:last-child{width:auto}\
    .checks thead{display:none}.checks tr{display:grid;grid-template-columns:3fr 2fr;\
    border-bottom:1px solid var(--line);padding:.3rem 0}.checks tbody th{grid-column:1/3}\
    .checks th,.checks td{border:0;padding-top:0;padding-bottom:.1rem;width:auto}\
    .checks tbody td:last-child,.checks tbody th:first-child{width:auto}}
    footer{margin-top:2.5rem;color:var(--muted);font-size:.82rem}
    @media print{body{max-width:none;font-size:10.5pt;padding:0}nav,footer{display:none}\
    svg.wide{display:block}svg.narrow{display:none}.pair{grid-template-columns:1fr}\
    details::details-content{content-visibility:visible}h2,h3,h4{break-after:avoid}\
    tr,.box{break-inside:avoid}a{color:inherit}}
    """
}
