// Shows the chart that belongs to the choices; the charts themselves were made by plotly in Python.
for (const explorer of document.querySelectorAll("[data-charts]")) {
  const charts = JSON.parse(document.getElementById(explorer.dataset.charts).textContent);
  const choices = [...explorer.querySelectorAll("[data-choice]")];
  const highlight = explorer.querySelector("[data-highlight]");
  const plots = [...explorer.querySelectorAll(".plot")];
  function show() {
    const shown = charts[choices.map((choice) => choice.value).join("|")];
    explorer.querySelector(".chosen").textContent = choices.map((choice) => choice.selectedOptions[0]?.text).join("; ");
    explorer.querySelector(".nothing").hidden = Boolean(shown);
    explorer.querySelector(".plots").hidden = !shown;
    (shown || []).forEach((chart, number) => {
      const method = highlight && highlight.value;
      const faint = (trace) => method && trace.meta !== method && trace.meta !== "original";
      const traces = chart.data.map((trace) => ({...trace, opacity: faint(trace) ? 0.15 : 1}));
      const plot = plots[number];
      plot.previousElementSibling.textContent = chart.layout.meta;
      plot.setAttribute("aria-label", chart.layout.meta);
      Plotly.react(plot, traces, structuredClone(chart.layout), {responsive: true, displayModeBar: false});
    });
  }
  for (const control of explorer.querySelectorAll("select")) control.addEventListener("change", show);
  show();
}
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
